"""Protection: what is done to picture and sound before anything leaves the raw data's place. Fails closed."""
