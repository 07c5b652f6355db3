"""Language models in this process: any causal model of `transformers`, with its own chat template, batched.

>>> model = LocalChat.load("microworld/checkpoint")                                             # doctest: +SKIP
>>> replies = await gather([model.complete(one, seed=1) for one in conversations])              # doctest: +SKIP
>>> await model.score(messages, ["Yes", "No"])                                                  # doctest: +SKIP
[-0.11, -2.32]

Requests that wait together run as one batch (left-padded, with a key-value cache); a finished one leaves, a new one
joins. The text of a request depends on the request alone, not on its company: noise comes from a generator of its own
(seeded by `seed`, prompt and choice), and where rounding could decide (batched matrix products add up in another
order), the token is settled by running the request alone. This holds in float32 on one kind of machine; bfloat16 and
another device round differently. Where a request names no `top_p`, `top_k` or `min_p`, the model's own recommendation
holds (its `generation_config.json`). A template that writes today's date is told the same day always (`chat_template`);
what a model thinks is told apart from what it says (`reasoning`). Needs torch; adapters need peft. Small models on
shared cores run several times faster with `threads=1`.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ste_core.core import store
from ste_core.core.errors import UserError, one_line, tell
from ste_core.core.records import Message
from ste_core.models import native, reasoning, reply, weights
from ste_core.models.base import Budget, Completion
from ste_core.models.chat_template import DAY, asks_for_the_day, documents_tools, render

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: goes up when the same request may get another text from the same weights
SAMPLER = 2

#: settings of a request that a model's `generation_config` may recommend
TRUNCATION = ("top_p", "top_k", "min_p")

#: entries of a configuration that say where a model came from, not what it computes
NOT_THE_MODEL = ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")


class LocalChat:
    """A causal language model in this process, on CPU or GPU.

    Args:
        model: the model, whose weights must not change while it is used here.
        tokenizer: its tokenizer.
        name: what results call it.
        batch_size: rows generated together, at most.
        batch_tokens: padded prompt tokens read at once, at most (a longer prompt is read alone).
        chat_template: a Jinja template instead of the tokenizer's own.
        budget: what the run may use; an own model costs no money.

    Attributes:
        context: tokens a prompt and its answer may take together; None where the model does not say.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        *,
        name: str,
        batch_size: int = 64,
        batch_tokens: int = 8_192,
        chat_template: str | None = None,
        budget: Budget | None = None,
    ) -> None:
        from ste_core.models.constrained import Constraints
        from ste_core.models.decoding import Decoder
        from ste_core.models.engine import Worker

        self.name = name
        self._template = chat_template or tokenizer.chat_template
        if self._template is None:
            raise UserError(f"model {name}: its tokenizer has no chat template; give one")
        if asks_for_the_day(self._template):
            tell(f"model {name}: its chat template writes the date; it is told {DAY:%Y-%m-%d} on every day")
        self._tokenizer = tokenizer
        self._ids("")  # the first call may change the tokenizer's settings; later ones, from any thread, only read them
        ends = model.generation_config.eos_token_id
        self._ends = frozenset([*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id]) - {None}
        hidden = self._ends | {tokenizer.bos_token_id, tokenizer.pad_token_id}
        config = model.config.get_text_config()
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        self._model = model.eval()

        def text(tokens: Sequence[int]) -> str:
            shown = [token for token in tokens if token not in hidden]
            return tokenizer.decode(shown, skip_special_tokens=False, clean_up_tokenization_spaces=False)

        vocabulary = min(config.vocab_size, len(tokenizer))
        self._constraints = Constraints(tokenizer, ends=self._ends, vocabulary=vocabulary, text=text)
        named = model.generation_config.to_diff_dict()
        self._recommended = {key: named[key] for key in TRUNCATION if named.get(key) is not None}
        self._worker = Worker(
            Decoder(model, vocabulary),
            text=text,
            ends=self._ends,
            name=name,
            batch_size=batch_size,
            batch_tokens=batch_tokens,
            budget=budget or Budget(),
        )

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        adapter: str | Path | None = None,
        device: str | None = None,
        dtype: str = "float32",
        load_in: Literal["8bit", "4bit"] | None = None,
        threads: int | None = None,
        name: str | None = None,
        **options: Any,
    ) -> "LocalChat":
        """Load a model by path, hub name or name of the table (see `weights.folder`).

        Args:
            adapter: a LoRA adapter by path or hub name, merged into the weights.
            device: as torch names it; default a GPU if there is one.
            dtype: "bfloat16" halves memory and, on a GPU, time; texts then depend a little on the batch.
            load_in: weights quantised by bitsandbytes, which needs a GPU; the paper's open models answered in 8 bit.
            threads: torch's own from now on, on a CPU, in the whole process; default as they are.
            name: what results call it; default the last part of the path, and of the adapter's.
            options: see `LocalChat`.

        Raises:
            UserError: torch or peft is missing, or the model cannot be loaded, in one line.
        """
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
            from transformers.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled

            if adapter is not None:
                from peft import PeftModel
        except ImportError as error:
            raise UserError(f"model {model}: needs the package {error.name}: pip install {error.name}") from None
        name = name or "+".join(Path(part).name for part in (model, adapter) if part is not None)
        model = weights.folder(model)
        for place in (model, adapter):
            if place is not None and _folder(place) and not Path(place).is_dir():
                raise UserError(f"model {place}: cannot be loaded: no such folder")
        if threads is not None:
            torch.set_num_threads(threads)
        bars = is_progress_bar_enabled()
        disable_progress_bar()
        try:
            extra = {}
            if load_in is not None:
                extra["quantization_config"] = BitsAndBytesConfig(**{f"load_in_{load_in}": True})
                extra["device_map"] = {"": device or 0}  # quantised weights stay where they are loaded
            loaded = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype), **extra)
            tokenizer = AutoTokenizer.from_pretrained(model)
            if adapter is not None:
                loaded = PeftModel.from_pretrained(loaded, adapter).merge_and_unload()
            if load_in is None:
                loaded.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        except Exception as error:  # each layer below has errors of its own for a wrong name or a damaged file
            what = f"model {model}" if adapter is None else f"model {model} with adapter {adapter}"
            raise UserError(f"{what}: cannot be loaded: {one_line(error)}") from None
        finally:
            if bars:
                enable_progress_bar()
        if loaded.device.type == "cpu":  # it would say twice that fused GPU kernels are not installed
            logging.getLogger("transformers.integrations.hub_kernels").setLevel(logging.ERROR)
        return cls(loaded, tokenizer, name=name, **options)

    @cached_property
    def identity(self) -> str:
        """A digest of weights, configuration, tokenizer and template."""
        from ste_core.models.decoding import weights_digest

        model, tokenizer = self._model, self._tokenizer
        config = {key: value for key, value in model.config.to_dict().items() if key not in NOT_THE_MODEL}
        backend = getattr(tokenizer, "backend_tokenizer", None)
        words = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
        settings = json.dumps(config, sort_keys=True, default=str)
        parts = [SAMPLER, weights_digest(model), settings, words, self._template, sorted(self._ends)]
        parts += [self._recommended] if self._recommended else []
        parts += [str(DAY)] if asks_for_the_day(self._template) else []
        return f"sha256:{store.digest(parts)}"

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        temperature: float = 1.0,
        max_tokens: int = 256,
        stop: Sequence[str] = (),
        seed: int | None = None,
        n: int = 1,
        form: str | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        min_p: float | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
    ) -> Completion:
        """See `ChatModel.complete`. Texts of equal seeds are independent of each other where the prompts differ.

        Raises:
            UserError: the conversation does not fit the template, or with `max_tokens` the context; a bad `form`; the
                template has no place for tools.
        """
        from ste_core.models.decoding import AnswerRow
        from ste_core.models.engine import Request
        from ste_core.models.sampling import Sampling, noise_key

        text = self._render(messages, tools or ())
        prompt = self._ids(text)
        self._check(len(prompt), max_tokens)
        named = {"top_p": top_p, "top_k": top_k, "min_p": min_p}
        truncation = self._recommended | {key: value for key, value in named.items() if value is not None}
        try:
            sampling = Sampling(temperature, **truncation) if temperature > 0 else Sampling(0.0)
        except ValueError as error:
            raise UserError(f"model {self.name}: {error}") from None
        goes_on = any(message["role"] == "assistant" for message in messages)  # as a test item does not
        rows = [
            AnswerRow(
                prompt, sampling, noise_key(seed, choice, prompt),
                None if form is None else self._constraints.start(form, max_tokens), goes_on,
            )
            for choice in range(n)
        ]  # fmt: skip
        completion = await self._worker.answer(Request(rows, max_tokens, tuple(stop)))
        opened = reasoning.opened(text)
        return replace(completion, choices=tuple(reply.split_thinking(one, opened) for one in completion.choices))

    async def score(self, messages: Sequence[Message], continuations: Sequence[str]) -> list[float]:
        """The log-probability (natural logarithm) of each text as the beginning of the answer.

        Where one text begins another, let each end as the answer would (a quote, a line end), or the shorter wins.

        Raises:
            UserError: as `complete`.
        """
        from ste_core.models.engine import ScoreRequest
        from ste_core.models.prefix_cache import common

        text = self._render(messages)
        prompt = self._ids(text)
        full = [self._ids(text + continuation) for continuation in continuations]
        # A tokenizer may join the prompt's last characters with the answer's first: score from where all agree.
        start = max(1, min(common(prompt, one) for one in full))
        self._check(max(map(len, full)), 0)
        return await self._worker.answer(ScoreRequest(full, start))

    # --- requests ---

    def count(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> int:
        """Tokens of a conversation as the model reads it, ready to be answered."""
        return len(self._ids(self._render(messages, tools)))

    def call_frame(self) -> tuple[str, str, str] | None:
        """How its template writes a call around name and arguments; see `native.call_frame`."""
        frame = native.call_frame(lambda messages, prompt: self._render(messages, prompt=prompt))
        if frame is None:
            return None
        ends = [frame[2].find(end) for end in map(self._tokenizer.convert_ids_to_tokens, self._ends)]
        cut = min((at for at in ends if at >= 0), default=len(frame[2]))
        return frame[0], frame[1], frame[2][:cut].rstrip()

    def _render(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = (), prompt: bool = True) -> str:
        import jinja2

        if tools and not documents_tools(self._template):
            raise UserError(
                f"model {self.name}: its chat template has no place for tools; set tool_format: react for it"
            )
        try:
            return render(self._tokenizer, messages, template=self._template, tools=tools, prompt=prompt)
        except jinja2.TemplateError as error:
            raise UserError(f"model {self.name}: its chat template refuses the conversation: {error}") from None

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def _check(self, prompt_tokens: int, max_tokens: int) -> None:
        if self.context is not None and prompt_tokens + max_tokens > self.context:
            raise UserError(
                f"model {self.name}: {prompt_tokens} prompt tokens and {max_tokens} to answer exceed its context of "
                f"{self.context}"
            )


def _folder(place: str | Path) -> bool:
    """Whether a name is surely a path: looked for at the hub, a mistyped one takes a minute to fail without network."""
    path = Path(place)
    beside = len(path.parts) == 2 and path.parent.is_dir()
    return isinstance(place, Path) or path.is_absolute() or len(path.parts) > 2 or beside
