"""Dialects: each shipped recipe reads the layout of its corpus, with the traps in it."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from gerdata.errors import LabelError, RecipeError
from gerdata.ingest import expected
from gerdata.ingest.expected import Comparison, Expected, compare, expected_names, read_expected
from gerdata.ingest.labels import Labelled, Told, read_labels, table_places
from gerdata.ingest.sources import Source, find
from gerdata.recipe import IngestRecipe, load, recipe_names
from gerdata.recipe.dialect import LabelTable


class Corpus:
    """A layout in a folder: text stand-ins for media, and tables."""

    def __init__(self, root: Path, recipe: str, sets: Sequence[str] = ()) -> None:
        self.root, self.recipe = root, load(IngestRecipe, "ingest", recipe, tuple(sets))

    def put(self, *names: str, text: str = "x") -> "Corpus":
        for name in names:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        return self

    def sources(self) -> list[Source]:
        """As they are offered: without tables, folders of numbered pictures as one."""
        tables = [Path(where) for where in table_places([str(self.root)], self.recipe)]
        return find([str(self.root)], tables, self.recipe.has_sequences)

    def read(self, labels: str = "", allow_missing: bool = False, columns: Sequence[str] = ()) -> Told:
        table = self.root / labels if labels else None
        return read_labels(self.sources(), [str(self.root)], table, self.recipe, allow_missing, columns)

    def told(self, **more) -> dict[str, Labelled]:
        return {one.name: told for one, told in zip(self.sources(), self.read(**more).by_source, strict=True)}


@pytest.fixture
def vgaf(tmp_path: Path) -> Corpus:
    corpus = Corpus(tmp_path, "vgaf").put("Train/289_55.mp4", "Train/289_60.mp4", "Train/7_1.mp4", "Train/extra.mp4")
    corpus.put("Val/12_3.mp4", "Val/13_1.mp4", "Test/Test_1.mp4", "Test/Test_2.mp4")
    corpus.put("Train_labels.txt", text="Vid_name Label\n289_55 1\n289_60 3\n7_1 2\n")
    return corpus.put("Val_labels.txt", text="Vid_name Label\r\n12_3 2 \r\n13_1  1\r\n")


def test_every_shipped_recipe_is_whole() -> None:
    assert {"clips", "table", "class-folders", "vgaf", "gaf2", "gaf3", "gavid", "samsemo"} <= set(
        recipe_names("ingest")
    )
    for name in recipe_names("ingest"):
        recipe = load(IngestRecipe, "ingest", name)
        assert IngestRecipe.model_validate(recipe.model_dump(mode="json")) == recipe
        assert not recipe.expected or read_expected(recipe.expected).source
        assert recipe.unverified or name in ("clips", "table", "class-folders")
        individual = name in ("samsemo", "mer2023", "dfew", "engagenet")
        assert (recipe.is_individual, bool(recipe.excluded_use)) == (individual, name == "engagenet")


def test_vgaf(vgaf: Corpus) -> None:
    told = vgaf.told()
    assert told["Train/289_55.mp4"] == Labelled("positive", "1", "289", "train")
    assert told["Train/289_60.mp4"] == Labelled("negative", "3", "289", "train")
    assert told["Val/12_3.mp4"] == Labelled("neutral", "2", "12", "validation")
    assert told["Test/Test_2.mp4"] == Labelled(split="test", is_unlabelled_by_design=True)
    assert told["Train/extra.mp4"] == Labelled()
    assert "Train_labels.txt" not in told
    read = vgaf.read()
    assert read.leaks == ()
    assert read.counts == {
        "test": {"": 2},
        "train": {"positive": 1, "negative": 1, "neutral": 1},
        "validation": {"neutral": 1, "positive": 1},
    }


def test_a_source_video_of_vgaf_in_two_official_splits_is_reported_and_kept(vgaf: Corpus) -> None:
    vgaf.put("Val/289_1.mp4").put("Val_labels.txt", text="Vid_name Label\n289_1 2\n12_3 1\n13_1 1\n")
    read = vgaf.read()
    assert read.leaks == ("group '289' is in train (2) and validation (1)",)
    assert vgaf.told()["Val/289_1.mp4"].split == "validation"


def test_labels_of_vgaf_from_zero_are_refused(vgaf: Corpus) -> None:
    vgaf.put("Train_labels.txt", text="Vid_name Label\n289_55 1\n289_60 0\n7_1 2\n")
    with pytest.raises(LabelError, match=r"line 3: label '0' is unknown; .* the words known are 1, 2, 3"):
        vgaf.read()


def test_vgaf_with_commas_or_without_a_table_or_file_is_refused(vgaf: Corpus) -> None:
    vgaf.put("Train_labels.txt", text="Vid_name,Label\n289_55,1\n")
    with pytest.raises(LabelError, match="expected columns Vid_name,Label, came 'Vid_name,Label'"):
        vgaf.read()
    vgaf.put("Train_labels.txt", text="Vid_name Label\n289_55 1\n1_1 1\n")
    with pytest.raises(LabelError, match=r"Train_labels\.txt line 3: names 'Train/1_1\.mp4'"):
        vgaf.read()
    read = vgaf.read(allow_missing=True)
    assert read.missing == ("Train/1_1.mp4",)
    assert read.missing_told == (Labelled("positive", "1", "1", "train"),)
    (vgaf.root / "Val_labels.txt").unlink()
    with pytest.raises(
        LabelError, match=r"expected the table Val_labels\.txt .* Train_labels\.txt, Val_labels\.txt.*Test/"
    ):
        vgaf.read()


def test_labels_of_the_test_split_are_read_where_they_are_at_hand(vgaf: Corpus) -> None:
    vgaf.put("Test_labels.txt", text="Vid_name Label\nTest_1 3\n")
    told = vgaf.told()
    assert told["Test/Test_1.mp4"] == Labelled("negative", "3", split="test")
    assert told["Test/Test_2.mp4"].is_unlabelled_by_design


def test_names_in_vgafs_tables_may_carry_their_suffix(vgaf: Corpus) -> None:
    vgaf.put("Train_labels.txt", text="Vid_name Label\n289_55.mp4 1\n")
    assert vgaf.told()["Train/289_55.mp4"].label == "positive"


@pytest.mark.parametrize("name", ["gaf2", "gaf3"])
def test_gaf(tmp_path: Path, name: str) -> None:
    corpus = Corpus(tmp_path, name).put("Train/Positive/21_1.jpg", "train/NEGATIVE/x.jpg", "Validation/Neutral/y.jpg")
    told = corpus.put("Test/z.jpg", "Test/positive/w.jpg", "readme.txt").told()
    assert told["Train/Positive/21_1.jpg"] == Labelled("positive", "Positive", split="train")
    assert told["train/NEGATIVE/x.jpg"] == Labelled("negative", "NEGATIVE", split="train")
    assert told["Validation/Neutral/y.jpg"] == Labelled("neutral", "Neutral", split="validation")
    assert told["Test/z.jpg"] == Labelled(split="test", is_unlabelled_by_design=True)
    assert told["Test/positive/w.jpg"] == Labelled("positive", "positive", split="test")
    assert told["readme.txt"] == Labelled()


def test_gaf3_with_the_tables_of_ve_md(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "gaf3").put("Train/a.jpg", "Train/b.jpg")
    corpus.put("Train/Train_labels.txt", text="Img_name,Labels\na.jpg,0\nb.jpg,2\n")
    columns = ("file=Img_name", "label=Labels")
    told = corpus.told(labels="Train/Train_labels.txt", columns=columns)
    assert told["Train/a.jpg"] == Labelled("positive", "0", split="train")
    assert told["Train/b.jpg"] == Labelled("negative", "2", split="train")


def test_gavid_by_a_table_and_folders(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "gavid").put("train/v1.mp4", "val/v2.mp4", "test/v3.mp4")
    corpus.put("labels.csv", text="Video,Affect,Emotion\ntrain/v1,Positive,joy\nval/v2,Negative,fear\n")
    told = corpus.told(labels="labels.csv", columns=("file=Video", "label=Affect"))
    assert told["train/v1.mp4"] == Labelled("positive", "Positive", split="train")
    assert told["val/v2.mp4"] == Labelled("negative", "Negative", split="validation")
    assert told["test/v3.mp4"] == Labelled(split="test", is_unlabelled_by_design=True)


def test_samsemo_merges_its_tables_and_its_classes(tmp_path: Path) -> None:
    header = "utterance_id\tmovie_title\taggregated_emotions\n"
    rows = "e1\tFilm\tdisgust\ne2\tFilm\tanger\nd1\tAnderer\tfear\nd2\tAnderer\thappiness\n"
    corpus = Corpus(tmp_path, "samsemo").put("data/EN/e1.mp4", "data/EN/e1.wav", "data/EN/e2.mp4", "data/DE/x/d1.mp4")
    corpus.put("data/DE/x/d2.mp4").put("samsemo.tsv", text=header + rows)
    corpus.put("splits/train_split_EN.txt", text="e1\n").put("splits/test_split_EN.txt", text="e2\n")
    corpus.put("splits/train_split_DE.txt", text="d1").put("splits/valid_split_DE.txt", text="d2\r\n")
    told = corpus.told()
    assert told["data/EN/e1.mp4"] == Labelled("disgust-anger", "disgust", "Film", "train")
    assert told["data/EN/e2.mp4"] == Labelled("disgust-anger", "anger", "Film", "test")
    assert told["data/DE/x/d1.mp4"] == Labelled(None, "fear", "Anderer", "train", is_dropped=True)
    assert told["data/DE/x/d2.mp4"] == Labelled("happiness", "happiness", "Anderer", "validation")
    assert told["data/EN/e1.wav"] == Labelled()
    read = corpus.read()
    assert len(read.leaks) == 2
    assert read.counts["train"] == {"disgust-anger": 1, "dropped": 1}
    corpus.put("splits/test_split_EN.txt", text="e2\ne1\n")
    with pytest.raises(
        LabelError, match=r"test_split_EN\.txt line 2: gives .*split 'test', but .*train_split_EN\.txt line 1"
    ):
        corpus.read()


def test_mer2023_has_clips_of_either_suffix(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "mer2023").put("train/s_1.avi", "train/s_2.mp4", "test1/t_1.mp4", "test2/u.mp4")
    corpus.put("train-label.csv", text="name,discrete,valence\ns_1,worried,-1.5\ns_2.mp4,happy,2\n")
    corpus.put("test1-label.csv", text="name,discrete,valence\nt_1,surprise,0\n")
    told = corpus.told()
    assert told["train/s_1.avi"] == Labelled("worried", "worried", split="train")
    assert told["train/s_2.mp4"].label == "happy"
    assert told["test1/t_1.mp4"] == Labelled("surprise", "surprise", split="test")
    assert told["test2/u.mp4"] == Labelled()


@pytest.mark.parametrize("fold", [1, 2])
def test_dfew_pads_ids_and_tests_on_the_fold_that_is_asked_for(tmp_path: Path, fold: int) -> None:
    corpus = Corpus(tmp_path, "dfew", [f"fold={fold}"])
    corpus.put(*(f"data/{clip:05}/{clip:05}_{frame:05}.jpg" for clip in (1, 2, 16372) for frame in (1, 2)))
    corpus.put("label/single_testset_1.csv", text="video_name,label\n1,7\n16372,1\n")
    corpus.put("label/single_testset_2.csv", text="video_name,label\n2,2\n")
    corpus.put("label/single_trainset_1.csv", text="video_name,label\n2,2\n")
    told = corpus.told()
    first, second = ("test", "train") if fold == 1 else ("train", "test")
    assert told["data/00001"] == Labelled("fear", "7", split=first, fold=1)
    assert told["data/16372"] == Labelled("happy", "1", split=first, fold=1)
    assert told["data/00002"] == Labelled("sad", "2", split=second, fold=2)
    assert compare(Expected(splits={}, total=3, source="", is_verified=True), corpus.read().counts).is_same


def test_a_clip_of_dfew_in_two_test_folds_and_an_absent_fold_are_refused(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "dfew", ["fold=3"]).put("data/00001/00001_00001.jpg", "data/00001/00001_00002.jpg")
    corpus.put("label/single_testset_1.csv", text="video_name,label\n1,7\n")
    with pytest.raises(LabelError, match="fold 3 is asked for as test split; the tables tell 1"):
        corpus.read()
    corpus.put("label/single_testset_2.csv", text="video_name,label\n1,7\n")
    with pytest.raises(LabelError, match=r"testset_2\.csv line 2: gives 'data/00001' the fold '2', but .*testset_1"):
        corpus.read()


def test_engagenet_leaves_out_clips_without_a_subject(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "engagenet").put("videos/ab-1.mp4", "videos/ab-2.mp4", "videos/cd-1.mp4")
    corpus.put(
        "final_labels.csv", text="chunk,label\nab-1.mp4,Highly-Engaged\nab-2.mp4,SNP(Subject Not Present)\ncd-1.mp4,0\n"
    )
    corpus.put("train.txt", text="ab-1.mp4\nab-2.mp4\n").put("valid.txt", text="").put("test.txt", text="cd-1.mp4")
    with pytest.raises(LabelError, match=r"valid\.txt: expected rows with the columns 1, found none"):
        corpus.read()
    corpus.put("valid.txt", text="ab-1.mp4\n")
    with pytest.raises(
        LabelError, match=r"valid\.txt line 1: gives 'ab-1\.mp4' the split 'validation', but .*train\.txt line 1"
    ):
        corpus.read()
    corpus.put("videos/ef-1.mp4").put("valid.txt", text="ef-1.mp4\n")
    told = corpus.told()
    assert told["videos/ab-1.mp4"] == Labelled("highly-engaged", "Highly-Engaged", "ab", "train")
    assert told["videos/ab-2.mp4"] == Labelled(None, "SNP(Subject Not Present)", "ab", "train", is_dropped=True)
    assert told["videos/cd-1.mp4"] == Labelled("not-engaged", "0", "cd", "test")
    assert told["videos/ef-1.mp4"] == Labelled(group="ef", split="validation")


def test_tensors_count_from_one_and_synthetic_ones_from_zero(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "emotiw2023-tensors")
    corpus.put("VGAF_Tensors_all_5/Train/289_55.mp4.img.5.pt", "VGAF_Tensors_all_5/Val/12_3.mp4.img.5.pt")
    corpus.put(*(f"Synthetic2661_all_5/{name}/bar_Video_0.synt.img.5.pt" for name in ("Positive", "Negative")))
    corpus.put("Train_labels.txt", text="Vid_name Label\n289_55 1\n").put(
        "Val_labels.txt", text="Vid_name Label\n12_3 3\n"
    )
    corpus.put("Synthetic2661_all_5/Positive_labels.txt", text="Vid_name Label\nbar_Video_0 0\n")
    corpus.put("Synthetic2661_all_5/Negative_labels.txt", text="Vid_name Label\nbar_Video_0 2\n")
    told = corpus.told()
    assert told["VGAF_Tensors_all_5/Train/289_55.mp4.img.5.pt"] == Labelled("positive", "1", "289", "train")
    assert told["VGAF_Tensors_all_5/Val/12_3.mp4.img.5.pt"] == Labelled("negative", "3", "12", "validation")
    assert told["Synthetic2661_all_5/Positive/bar_Video_0.synt.img.5.pt"] == Labelled("positive", "0", split="train")
    assert told["Synthetic2661_all_5/Negative/bar_Video_0.synt.img.5.pt"] == Labelled("negative", "2", split="train")


def test_class_folders_with_and_without_splits(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "class-folders").put(
        "train/Positive/a.mp4", "val/neutral/b.mp4", "test/c.mp4", "negative/d.mp4"
    )
    assert corpus.told() == {
        "negative/d.mp4": Labelled("negative", "negative"),
        "test/c.mp4": Labelled(split="test", is_unlabelled_by_design=True),
        "train/Positive/a.mp4": Labelled("positive", "Positive", split="train"),
        "val/neutral/b.mp4": Labelled("neutral", "neutral", split="validation"),
    }


def test_table_asks_for_labels_and_reads_them(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, "table").put("positive/a.mp4")
    with pytest.raises(LabelError, match="give it with --labels FILE"):
        corpus.read()
    corpus.put("t.jsonl", text=json.dumps({"file": "positive/a.mp4", "label": "negative", "fold": 2}))
    assert corpus.told(labels="t.jsonl")["positive/a.mp4"] == Labelled("negative", "negative", fold=2)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"label_map": {"1": "happy"}}, "not one of the classes"),
        ({"label_map": {"A": "positive", "a": "neutral"}}, "one word twice"),
        ({"label_map": {"SNP": "positive"}, "dropped": ["snp"]}, "both in label_map and dropped"),
        ({"group_pattern": "(a"}, "not a regular expression"),
        ({"group_pattern": "(a)(b)"}, "2 groups"),
        ({"group_pattern": "(" + "a" * 300 + ")"}, "200 characters"),
        ({"tables": [{"path": "../x.csv"}]}, "below a root"),
        ({"tables": [{"path": "/x.csv"}]}, "below a root"),
        ({"tables": [{"path": "s3://x.csv"}]}, "below a root"),
        ({"tables": [{}]}, "needs a path"),
        ({"tables": [{"path": "x", "file_form": "a"}]}, "holds {} once"),
        ({"tables": [{"path": "x", "file_form": "{}{0.__class__}"}]}, "holds {} once"),
        ({"tables": [{"path": "x", "file_form": "a*/{}"}]}, "no other"),
        ({"tables": [{"path": "{x}"}]}, "no other braces"),
        ({"tables": [{"path": "x", "raters": ["a"], "label": "b"}]}, "take the place"),
        ({"tables": [{"path": "x", "separator": "|"}]}, "Input should be"),
        ({"folders": [{"path": "..", "labels": "folders"}]}, "below a root"),
        ({"expected": "../../x"}, "pattern"),
    ],
)
def test_a_dialect_that_cannot_be_meant_is_refused(values: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        IngestRecipe.model_validate(values)


def test_found_counts_are_held_against_expected_ones() -> None:
    vgaf = read_expected("vgaf")
    full = {split: {"": n} for split, n in vgaf.splits.items()}
    plain = vgaf.model_copy(update={"labels": None})
    text = "expected 2661/766/756 (train/validation/test), found 2661/766/{}"
    assert compare(plain, full) == Comparison(text.format(756), True)
    assert compare(plain, {**full, "test": {"": 750}}) == (text.format(750), False)
    text, is_same = compare(vgaf, {**full, **(vgaf.labels or {}), "validation": {"positive": 766}})
    assert not is_same
    assert "validation: expected 302 positive, 280 neutral, 184 negative (not verified), found 766 positive" in text
    assert "not verified" in compare(read_expected("samsemo"), {}).text
    assert compare(plain, {**full, "": {"": 3}}).text.endswith("(train/validation/test/no split), found 2661/766/756/3")


def test_expected_counts_add_up_and_bad_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in expected_names():
        known = read_expected(name)
        assert not (known.splits and known.total) or sum(known.splits.values()) == known.total
        for split, by_label in (known.labels or {}).items():
            assert sum(by_label.values()) == known.splits[split]
    with pytest.raises(RecipeError, match="there are dfew"):
        read_expected("absent")
    monkeypatch.setattr(expected, "expected_dir", lambda: tmp_path)
    (tmp_path / "x.json").write_text('{"splits": {"dev": 1}, "source": "", "is_verified": true}')
    with pytest.raises(RecipeError, match="split 'dev' is unknown"):
        read_expected("x")
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(RecipeError, match="not a table of expected counts"):
        read_expected("x")


def test_a_fold_column_makes_splits_of_a_recipes_table(tmp_path: Path) -> None:
    table = LabelTable(path="t.csv", label="label", fold_column="fold")
    recipe = IngestRecipe(tables=(table,), folders=(), fold=2)
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_text("x")
    (tmp_path / "t.csv").write_text("file,label,fold\na.mp4,neutral,1\nb.mp4,neutral,2\n")
    told = read_labels(find([str(tmp_path)], [tmp_path / "t.csv"]), [str(tmp_path)], None, recipe, False)
    assert [(one.split, one.fold) for one in told.by_source] == [("train", 1), ("test", 2)]
