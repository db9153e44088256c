"""What a story says in short: a headline and sentences, each with the passages that bear it out and with what none does."""

from dataclasses import dataclass
from typing import Any, Literal

ClaimKind = Literal["name", "number", "date", "quotation", "statement"]


@dataclass(frozen=True)
class Claim:
    """A stretch of a sentence that can be held against the sources; a "statement" is the whole sentence."""

    kind: ClaimKind
    text: str


@dataclass(frozen=True)
class Passage:
    """Where an item says it: a whole sentence, or run of sentences, of its title or text, word for word."""

    item_id: str
    text: str


@dataclass(frozen=True)
class Sentence:
    """One sentence, the passages that bear it out (the closest first), and the claims in it that no source has."""

    text: str
    support: tuple[Passage, ...]
    doubts: tuple[Claim, ...] = ()

    def as_row(self) -> dict[str, Any]:
        """As a Story or a Placement keeps it; item ids are then those of Item rows."""
        return {
            "text": self.text,
            "support": [{"item": int(passage.item_id), "passage": passage.text} for passage in self.support],
            "doubts": [{"kind": claim.kind, "text": claim.text} for claim in self.doubts],
        }


@dataclass(frozen=True)
class Summary:
    """No sentences when no source has one that can stand alone: the headline then says all there is.

    `written_by` names the language model; "" says that the words are the sources' own.
    """

    headline: str
    sentences: tuple[Sentence, ...]
    doubts: tuple[Claim, ...] = ()  # of the headline
    written_by: str = ""

    @property
    def text(self) -> str:
        """The sentences as one paragraph."""
        return " ".join(sentence.text for sentence in self.sentences)
