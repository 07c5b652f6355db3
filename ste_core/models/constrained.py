"""Constrained decoding: which tokens keep an answer on its way to match a regular expression.

>>> constraints = Constraints(tokenizer, ends={2}, vocabulary=49_152, text=text)                  # doctest: +SKIP
>>> state = constraints.start(r"Action: (?:add|wait)", most=40)                                   # doctest: +SKIP
>>> state.forced                                # tokens of "Action: "                             # doctest: +SKIP
>>> state.mask().sum(), state.advance(token)                                                      # doctest: +SKIP

`llguidance` computes the mask of a whole vocabulary in well under a millisecond, for tokenizers in which a token has
the same characters wherever it stands. Where that is not so (the tokenizer of the tests' small model writes a space by
what stands before), the text of each candidate is matched, the likeliest first.
"""

from collections.abc import Callable, Sequence, Set
from typing import Any, Protocol

import numpy as np

from ste_core.core.errors import UserError, one_line

#: what stands for bytes that are no character yet
BROKEN = "\ufffd"

#: texts by which is seen whether tokens have characters of their own
_SAMPLES = ('Action: a_b\nAction Input: {"x y": [1, "né 東"]}', "Final Answer: it's 3.50 (no_2)")


class Constraint(Protocol):
    """How far an answer has come, and what may follow.

    Attributes:
        forced: tokens that every answer begins with.
    """

    forced: list[int]

    def mask(self) -> np.ndarray | None:
        """(V,) whether each token may follow; None where that is too much to ask, see `first`."""
        ...

    def first(self, order: Sequence[int]) -> int | None:
        """The place of the first token in an order that may follow; None if none may."""
        ...

    def advance(self, token: int) -> None:
        """A token was taken."""
        ...


class Constraints:
    """Makes constraints for one tokenizer.

    Args:
        tokenizer: a fast tokenizer of `transformers`.
        ends: tokens that end an answer.
        vocabulary: tokens that may be chosen.
        text: what tokens read.
    """

    def __init__(
        self, tokenizer: Any, *, ends: Set[int], vocabulary: int, text: Callable[[Sequence[int]], str]
    ) -> None:
        self._tokenizer = tokenizer
        self._ends = ends
        self._vocabulary = vocabulary
        self._text = text
        self._guide: Any = None
        self._compiled: dict[str, Any] = {}

    def start(self, form: str, most: int) -> Constraint:
        """The beginning of an answer of at most so many tokens that is to match a regular expression as a whole.

        Raises:
            UserError: it is none.
        """
        compiled = self._compiled.get(form)
        if compiled is None:
            compiled = self._compiled[form] = self._compile(form)
            if len(self._compiled) > 4_096:
                del self._compiled[next(iter(self._compiled))]
        if isinstance(compiled, tuple):
            matcher, forced = compiled
            return _Guided(matcher.deep_copy(), forced[: most - 1], self._vocabulary)
        return _Matched(compiled, self._text, self._ends)

    def _compile(self, form: str) -> Any:
        import regex

        try:
            pattern = regex.compile(form)
        except regex.error as error:
            raise UserError(f"form: not a regular expression: {one_line(error)}") from None
        if self._guide is None:
            self._guide = self._guided() or False
        if self._guide is False:
            return pattern
        from llguidance import LLMatcher

        matcher = LLMatcher(self._guide, LLMatcher.grammar_from_regex(form), log_level=0)
        if matcher.is_error():
            return pattern  # of Python's dialect alone
        forced = list(matcher.compute_ff_tokens())
        if forced:  # special tokens among them (`<tool_call>`) are bytes to a grammar
            matcher.consume_tokens(self._guide.greedy_tokenize(b"".join(map(self._bytes, forced)).decode()))
        return matcher, forced

    def _bytes(self, token: int) -> bytes:
        if self._guide.is_special_token(token):
            return str(self._tokenizer.convert_ids_to_tokens(token)).encode()
        return bytes(self._guide.decode_bytes([token]))

    def _guided(self) -> Any:
        """The tokenizer as llguidance has it; None where its tokens have no characters of their own."""
        from llguidance.hf import from_tokenizer

        try:
            guide = from_tokenizer(self._tokenizer, n_vocab=self._vocabulary, eos_token=sorted(self._ends))
            for sample in _SAMPLES:
                tokens = self._tokenizer(sample, add_special_tokens=False)["input_ids"]
                if b"".join(guide.decode_bytes([token]) for token in tokens).decode("utf-8", "replace") != sample:
                    return None
        except (ValueError, TypeError):
            return None
        return guide


class _Guided:
    """By llguidance; the matcher has gone through what is forced."""

    def __init__(self, matcher: Any, forced: list[int], vocabulary: int) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary
        self.forced = forced

    def mask(self) -> np.ndarray:
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        return np.unpackbits(bits, bitorder="little")[: self._vocabulary].astype(bool)

    def first(self, order: Sequence[int]) -> int | None:
        allowed = self.mask()[np.asarray(order)].nonzero()[0]
        return int(allowed[0]) if len(allowed) else None

    def advance(self, token: int) -> None:
        self._matcher.consume_token(token)


class _Matched:
    """By matching the text of each candidate."""

    def __init__(self, pattern: Any, text: Callable[[Sequence[int]], str], ends: Set[int]) -> None:
        self._pattern = pattern
        self._text = text
        self._ends = ends
        self._taken: list[int] = []
        self._so_far = ""
        self.forced: list[int] = []

    def mask(self) -> None:
        return None

    def first(self, order: Sequence[int]) -> int | None:
        return next((place for place, token in enumerate(order) if self._allows(token)), None)

    def advance(self, token: int) -> None:
        self._taken.append(token)
        self._so_far = self._text(self._taken)

    def _allows(self, token: int) -> bool:
        if token in self._ends:
            return self._pattern.fullmatch(self._so_far) is not None
        text = self._text([*self._taken, token])
        if text == self._so_far:  # a token that shows nothing leads nowhere
            return False
        shown = text.rstrip(BROKEN)
        if 0 < len(text) - len(shown) <= 3:  # the first bytes of a character: could one stand here that is not ASCII?
            ends = {BROKEN, *(one for one in self._pattern.pattern if not one.isascii())}
            return any(self._pattern.fullmatch(shown + one, partial=True) for one in ends)
        return self._pattern.fullmatch(text, partial=True) is not None
