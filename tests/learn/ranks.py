"""One rank of a few, in a process of its own: trains on seven clips and says what it saw.

python tests/learn/ranks.py RELEASE RANK WORLD FILE
"""

import json
import sys


def main(release: str, rank: int, world: int, meeting: str) -> None:
    """Every step meets the other ranks, so a rank with one batch more would wait for ever."""
    import torch  # not in the loader's workers, which import this file
    import torch.distributed as dist

    import gerdata
    from gerdata.learn.loader import Loader, Loading

    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=world)
    how = Loading(batch=2, seed=3, rank=rank, world=world, workers=1, start_method="forkserver")
    data = gerdata.open_release(release, "train")
    seen = []
    with Loader(data, how) as loader:
        for epoch in range(2):
            for batch in loader.epoch(epoch):
                dist.all_reduce(torch.tensor([float(len(batch.ids))]))
                seen.append(batch.ids)
    dist.barrier()
    dist.destroy_process_group()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
