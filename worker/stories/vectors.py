"""Turns texts into unit vectors of meaning, from weights that came with the package: nothing is fetched and no model is served."""

import logging
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

_TEXTS_AT_ONCE = 250
# Texts mostly in a script the weights do not know come out as noise of single bytes; they get no direction at all.
_KNOWN_SHARE = 0.6


class Vectors(Protocol):
    """Whatever can place a text in space; another model needs only these two."""

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One row a text, of length one; a row of zeros where the text says nothing this model can read."""
        ...

    def commonness(self, word: str) -> float:
        """How likely a text holds this word at all, between 0 (unheard of) and 1 (in every text)."""
        ...


class WordVectors:
    """The `wordllama` weights (16 MB, in its wheel): the mean of the word pieces' vectors, where rare pieces weigh more."""

    def __init__(self) -> None:
        self._model = _load_model()
        self._ranks: dict[str, int] = self._model.tokenizer.get_vocab()
        self._model.tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Shape (len(texts), 256), float32."""
        rows = np.zeros((len(texts), self._model.embedding.shape[1]), dtype=np.float32)
        for row, piece in zip(rows, self._split(texts), strict=True):
            ids = np.asarray(piece.ids, dtype=np.int64)
            # Ids up to 258 are control marks and single bytes: what the vocabulary could not spell.
            known = ids[ids > 258]
            if len(known) == 0 or len(known) < _KNOWN_SHARE * len(ids):
                continue
            total = self._model.embedding[known].sum(axis=0)
            norm = float(np.linalg.norm(total))
            if norm > 0:
                row[:] = total / norm
        return rows

    def _split(self, texts: Sequence[str]) -> Iterator[Any]:
        """Word pieces of each text, some texts at a time: the tokenizer's answer takes far more room than its input."""
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = list(texts[start : start + _TEXTS_AT_ONCE])
            yield from self._model.tokenizer.encode_batch(part, add_special_tokens=False)

    def commonness(self, word: str) -> float:
        """From the rank at which the tokenizer learned the word: ranks follow frequency (Zipf), so no word list is needed."""
        rank = self._ranks.get("▁" + word)
        return 0.0 if rank is None else min(1.0, 120.0 / max(rank - 250, 1))


@cache
def default_vectors() -> Vectors:
    """The vectors every grouping and summary uses, loaded once a process at first need (0.3 s, 60 MB)."""
    return WordVectors()


def _load_model() -> Any:
    # Importing wordllama calls logging.basicConfig; a library must not decide how this service logs.
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    import wordllama

    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
    root.setLevel(level)
    # The tokenizer lies in the package's folder `tokenizers`, which the loader only finds as a cache.
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
