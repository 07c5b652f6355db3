"""What a prompt shows: the demonstrations nearest to a query, and the tools to choose from.

>>> retriever = Retriever(examples, Tfidf())                                                    # doctest: +SKIP
>>> demonstrations = retriever.nearest([item.query for item in items], k=8)                     # doctest: +SKIP
>>> shown = candidates(items, toolbox.tools, "oracle", n=15, seed=0)                            # doctest: +SKIP

Follows the release (`llama-recipes/demo_retrieve.ipynb`): cosine similarity, the 8 nearest training queries, nearest
first, each query once. Departs from it in the default encoder (TF-IDF, which needs no download; the paper's is
`SentenceEncoder("sentence-transformers/paraphrase-mpnet-base-v2")`, in a study `exploitation.encoder`) and in encoding
all queries at once.
"""

import itertools
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ste_core.core.errors import UserError, one_line
from ste_core.core.records import Example, TestItem, Tool

#: the paper's encoder, by hub name
PAPER_ENCODER = "sentence-transformers/paraphrase-mpnet-base-v2"

Matrix: TypeAlias = NDArray[np.floating] | sparse.csr_matrix
Encode: TypeAlias = Callable[[Sequence[str]], Matrix]

#: queries compared at once: 256 x 15,000 similarities are 30 MB
CHUNK = 256

#: similarities that differ by less are ties: rounding must not choose
DECIMALS = 6


# --- encoders ---------------------------------------------------------------------------------------------------------


class Encoder(Protocol):
    """Turns texts into vectors of length 1, so that a product of two is their cosine.

    Attributes:
        name: what results call it.
    """

    name: str

    def fit(self, texts: Sequence[str]) -> Encode:
        """Learn from the texts that are searched what there is to learn.

        Returns:
            A function from texts to a matrix, a row a text: shape (texts, dimensions), dense or sparse.
        """
        ...


class Tfidf:
    """Words, and optionally pieces of words, weighed by rarity among the searched texts.

    Args:
        characters: shortest and longest piece of a word to count beside whole words, as (3, 5); None for words only.
    """

    def __init__(self, characters: tuple[int, int] | None = None) -> None:
        self.name = "TF-IDF" if characters is None else f"TF-IDF with {characters[0]}-{characters[1]} characters"
        self._characters = characters

    def fit(self, texts: Sequence[str]) -> Encode:
        """See `Encoder.fit`. Texts without a word have vectors of zeros."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.preprocessing import Normalizer

        # a name like add_days is two words
        parts = [TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)[^\W_]+")]
        if self._characters is not None:
            parts.append(TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=self._characters))
        vectors = make_pipeline(make_union(*parts), Normalizer(copy=False))
        try:
            return vectors.fit(texts).transform
        except ValueError:  # "empty vocabulary": not a word in all the texts
            return lambda texts: sparse.csr_matrix((len(texts), 1))


class SentenceEncoder:
    """Any model of the sentence-transformers library, by hub name or path; loaded at the first use.

    Args:
        model: as the paper's, `PAPER_ENCODER`.
        device: as torch names it; default a GPU if there is one.
        batch_size: texts encoded at once.
    """

    def __init__(self, model: str = PAPER_ENCODER, *, device: str | None = None, batch_size: int = 64) -> None:
        self.name = model
        self._device = device
        self._batch_size = batch_size
        self._loaded: Any = None

    def fit(self, texts: Sequence[str]) -> Encode:
        """See `Encoder.fit`; a pretrained model learns nothing here.

        Raises:
            UserError: the package is missing, or the model cannot be loaded, in one line.
        """
        self._load()
        return self._encode

    def _load(self) -> None:
        if self._loaded is not None:
            return
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise UserError(
                f"encoder {self.name}: needs the package sentence-transformers: pip install sentence-transformers"
            ) from None
        if Path(self.name).is_absolute() and not Path(self.name).is_dir():  # looked for at the hub, it fails late
            raise UserError(f"encoder {self.name}: cannot be loaded: no such folder")
        try:
            self._loaded = SentenceTransformer(self.name, device=self._device)
        except Exception as error:  # each layer below has errors of its own for a wrong name or no network
            raise UserError(f"encoder {self.name}: cannot be loaded: {one_line(error)}") from None

    def _encode(self, texts: Sequence[str]) -> NDArray[np.floating]:
        return self._loaded.encode(
            list(texts), batch_size=self._batch_size, normalize_embeddings=True, convert_to_numpy=True,
            show_progress_bar=False,
        )  # fmt: skip


# --- demonstrations ---------------------------------------------------------------------------------------------------


class Retriever:
    """Finds the examples whose queries are nearest to a query.

    As in the release, a query that several examples share counts once, with the first example's call; so no
    demonstration is shown twice. Test queries are of another split and need no exclusion.

    Args:
        examples: what exploration and distillation left, in their order.
        encoder: how texts become vectors; default `Tfidf`.
    """

    def __init__(self, examples: Sequence[Example], encoder: Encoder | None = None) -> None:
        first: dict[str, Example] = {}
        for example in examples:
            first.setdefault(example.query, example)
        self.examples = list(first.values())
        self._encoder = encoder or Tfidf()

    def nearest(
        self, queries: Sequence[str], k: int = 8, among: Sequence[Collection[str]] | None = None
    ) -> list[list[Example]]:
        """The `k` nearest examples of each query, or all there are, nearest first, as the release shows them.

        Equally near ones stand in the order of `examples`.

        Args:
            among: for each query the tools whose examples may be shown; default: any (the release).
        """
        if not self.examples or not queries:
            return [[] for _ in queries]
        texts = [example.query for example in self.examples]
        encode = self._encoder.fit(texts)
        if among is None:
            ranked = _ranked(encode(queries), encode(texts), k)
            return [[self.examples[number] for number in row] for row in ranked]
        ranked = _ranked(encode(queries), encode(texts), len(texts))
        found = []
        for row, tools in zip(ranked, among, strict=True):
            allowed = (self.examples[number] for number in row if self.examples[number].tool in tools)
            found.append(list(itertools.islice(allowed, k)))
        return found


def _ranked(queries: Matrix, texts: Matrix, k: int) -> Iterator[NDArray[np.intp]]:
    """Of each query, the numbers of its `k` nearest texts, nearest first, ties in order."""
    for start in range(0, queries.shape[0], CHUNK):
        product: Any = queries[start : start + CHUNK] @ texts.T
        nearness = product.toarray() if sparse.issparse(product) else product
        yield from np.argsort(-nearness.round(DECIMALS), axis=1, kind="stable")[:, :k]


# --- candidate tools --------------------------------------------------------------------------------------------------

How = Literal["all", "oracle", "query"]


def candidates(
    items: Sequence[TestItem],
    tools: Mapping[str, Tool],
    how: How = "all",
    *,
    n: int = 15,
    seed: int = 0,
    encoder: Encoder | None = None,
) -> list[list[str]]:
    """The tools whose documentation each item's prompt shows, by name, in the order they are shown.

    - "all": every tool, in one shuffled order for all items (the release: GPT models; a served model can keep the
      common beginning of the prompts).
    - "oracle": the gold tool and the n - 1 tools whose documentation is nearest to its own (the release: open models,
      15). The gold tool is always there, which no real retriever can promise.
    - "query": the n tools whose documentation is nearest to the query, as a real retriever works; the gold tool may be
      missing.

    The last two are shuffled anew for each item, so that a place in the list tells nothing.

    Args:
        seed: of the shuffling.
        encoder: how texts become vectors; default `Tfidf`.

    Raises:
        UserError: `n` below 1, or an item whose gold tool is not among the tools.
        ValueError: an unknown `how`.
    """
    if n < 1:
        raise UserError(f"candidates: n: must be at least 1, not {n}")
    unknown = next((item for item in items if item.gold.tool not in tools), None)
    if unknown is not None:
        raise UserError(f"test item {unknown.item} of '{unknown.gold.tool}': the toolbox has no such tool")
    names = list(tools)
    if how == "all":
        random.Random(f"candidates/{seed}").shuffle(names)
        return [names] * len(items)
    if how not in ("oracle", "query"):
        raise ValueError(f"how: {how!r} is none of 'all', 'oracle', 'query'")
    if not items:
        return []
    docs = [tools[name].documentation() for name in names]
    encode = (encoder or Tfidf()).fit(docs)
    vectors = encode(docs)
    if how == "query":
        rows = [[names[number] for number in row] for row in _ranked(encode([one.query for one in items]), vectors, n)]
    else:
        ranked = _ranked(vectors, vectors, len(names))
        near = {name: [names[number] for number in row] for name, row in zip(names, ranked, strict=True)}
        rows = [_first(item.gold.tool, near[item.gold.tool])[:n] for item in items]
    for item, row in zip(items, rows, strict=True):
        random.Random(f"candidates/{seed}/{item.gold.tool}/{item.item}").shuffle(row)
    return rows


def _first(name: str, names: list[str]) -> list[str]:
    """The names with one of them first: another tool may have the very same documentation."""
    return [name, *(one for one in names if one != name)]
