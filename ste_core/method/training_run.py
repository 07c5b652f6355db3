"""One process of a fine-tuning: base and rows made ready, trained, written. `ste_core.method.finetune` is the way in.

>>> run = Run(options, part, conversations, names, done)                                          # doctest: +SKIP
>>> run.train()["loss"]                                                                           # doctest: +SKIP
0.012
>>> run.save(part / "final", merge=False)                                                         # doctest: +SKIP
"""

import math
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
import transformers
from accelerate.utils import parse_flag_from_env

from ste_core.core import store
from ste_core.core.config import Finetuning
from ste_core.core.errors import UserError, one_line
from ste_core.method.trainer import CompleteCheckpoints, LossReport, ResponseTrainer, last_checkpoint, leaks, step_of
from ste_core.method.training_data import Conversation, accumulation, encode, plan_batches, split, token_of
from ste_core.models import weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

#: the loss of each step, and that of the held-out rows
CURVE, VALIDATION = "loss.csv", "validation.csv"


class Run:
    """One process of a run: the model and its rows, a Trainer, what it measured."""

    def __init__(
        self,
        options: Finetuning,
        part: Path,
        found: Sequence[Conversation],
        names: Collection[str],
        done: Callable[[int, int, float], object],
    ) -> None:
        self.options, self.part = options, part
        forced = options.device == "cpu" or parse_flag_from_env("ACCELERATE_USE_CPU")
        cuda = torch.cuda.is_available() and not forced
        self.bf16 = options.dtype == "bf16" or (options.dtype == "auto" and cuda and torch.cuda.is_bf16_supported())
        transformers.set_seed(options.seed)
        self.tokenizer = _tokenizer(options)
        self.added = _add_tokens(self.tokenizer, names) if options.tool_tokens else []
        # Adapters leave the base alone, so it may be kept as it is calculated with; what is trained needs float32.
        model = _model(options, torch.bfloat16 if options.method == "lora" and self.bf16 else torch.float32)
        self.use_cache = model.config.use_cache
        _add_embeddings(model, self.tokenizer, self.added)
        self._divide(found, model)
        if options.packing and leaks(model, self.rows):
            raise UserError(
                f"finetuning.packing: the layers of {options.base} ({model.config.model_type}) look across the borders "
                f"of packed rows; set packing: false"
            )
        self.network = model
        if options.method == "lora":
            model = self._adapted(model)
        if options.gradient_checkpointing:
            model.enable_input_require_grads()
        world = int(os.environ.get("WORLD_SIZE", 1))
        self.accumulation = accumulation(
            self.steps, self.lengths, processes=world, tokens=options.device_tokens, padded=not options.packing
        )
        warmup = math.ceil(options.warmup * len(self.steps))
        every = math.ceil(len(self.steps) / options.epochs)  # an epoch, or more steps where epochs are many and short
        arguments = transformers.TrainingArguments(
            output_dir=str(part), num_train_epochs=1, per_device_train_batch_size=options.batch,
            gradient_accumulation_steps=self.accumulation, learning_rate=options.learning_rate,
            lr_scheduler_type="constant_with_warmup" if options.schedule == "constant" else options.schedule,
            warmup_steps=warmup, weight_decay=options.weight_decay, max_grad_norm=options.max_gradient_norm,
            optim="adamw_torch_fused", bf16=self.bf16, use_cpu=not cuda,
            ddp_backend=None if cuda or world == 1 else "gloo", ddp_find_unused_parameters=False, seed=options.seed,
            logging_steps=1, logging_nan_inf_filter=False, disable_tqdm=True, report_to=[],
            remove_unused_columns=False, dataloader_pin_memory=cuda, save_strategy="steps",
            save_steps=options.save_steps or every, save_total_limit=2,
            eval_strategy="steps" if self.held else "no", eval_steps=options.eval_steps or every,
            activation_checkpointing=options.gradient_checkpointing,
        )  # fmt: skip
        if arguments.n_gpu > 1:  # one process for several GPUs would copy the model at each step; launch several
            arguments._n_gpu = 1
        self.trainer = ResponseTrainer(
            model, arguments, self.tokenizer, rows=self.rows, steps=self.steps, held=self.held,
            packing=options.packing, tokens=options.device_tokens, callbacks=[CompleteCheckpoints(), LossReport(done)],
        )  # fmt: skip
        self.first = self.trainer.is_world_process_zero()

    def _divide(self, found: Sequence[Conversation], model: "PreTrainedModel") -> None:
        """Rows to train on and rows held out, and the order of the former."""
        options = self.options
        config = model.config.get_text_config()
        longest = min(options.max_length, getattr(config, "max_position_embeddings", None) or options.max_length)
        ends = model.generation_config.eos_token_id if model.generation_config is not None else None
        ends = {*(ends if isinstance(ends, list) else [ends]), self.tokenizer.eos_token_id} - {None}
        rows, dropped = encode(self.tokenizer, found, max_length=longest, ends=ends, tool_format=options.tool_format)
        self.rows, self.held = split(rows, options.validation, options.seed)
        if not self.rows:
            raise UserError(
                f"training set: none of {len(found):,} rows is left to learn from ({len(self.held):,} held out, "
                f"{dropped['too_long']:,} over {longest:,} tokens, {dropped['special']:,} with a special token)"
            )
        kinds = Counter(row.kind for row in self.rows)
        self.counts = {kind: kinds[kind] for kind in ("call", "answer", "general")} | {
            "held_out": len(self.held), "too_long": dropped["too_long"], "special": dropped["special"],
        }  # fmt: skip
        self.lengths = [len(row.ids) for row in self.rows]
        self.steps = plan_batches(
            self.lengths, epochs=options.epochs, batch=options.batch, seed=options.seed,
            grouped=options.length_grouped, least=options.least_steps,
        )  # fmt: skip
        self.epoch = math.ceil(len(self.rows) / options.batch)

    def _adapted(self, model: "PreTrainedModel") -> Any:
        import peft

        lora, trainable = self.options.lora, None
        if self.added:
            numbers = self.tokenizer.convert_tokens_to_ids(self.added)
            names = {id(module): name for name, module in model.named_modules()}
            trainable = {names[id(one)].rpartition(".")[2]: numbers for one in _embeddings(model)}
        if self.options.load_in is not None:
            model = peft.prepare_model_for_kbit_training(
                model, use_gradient_checkpointing=self.options.gradient_checkpointing
            )
        config = peft.LoraConfig(
            task_type="CAUSAL_LM", r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout,
            target_modules=lora.target_modules, trainable_token_indices=trainable,
        )  # fmt: skip
        try:
            return peft.get_peft_model(model, config)
        except ValueError as error:
            raise UserError(f"finetuning.lora: {one_line(error)}") from None

    def train(self) -> dict[str, Any]:
        """Train, from the last complete checkpoint if there is one; returns what the record says about it."""
        start = last_checkpoint(self.part)
        resumed = step_of(start) if start is not None else 0
        begun = time.perf_counter()
        self.trainer.train(resume_from_checkpoint=str(start) if start is not None else None)
        seconds = time.perf_counter() - begun
        history = self.trainer.state.log_history
        self.curve = [one for one in history if "loss" in one]
        self.validation = [one for one in history if "eval_loss" in one]
        session = sum(self.lengths[row] for step in self.steps[resumed:] for row in step)
        learnt = [self.rows[row] for step in self.steps for row in step]
        return {
            "rows": self.counts, "tool_tokens": self.added, "steps": len(self.steps), "loss": self.curve[-1]["loss"],
            "validation_loss": self.validation[-1]["eval_loss"] if self.validation else None,
            "tokens": sum(len(row.ids) for row in learnt),
            "response_tokens": sum(len(row.ids) - row.prompt for row in learnt),
            "resumed_at": resumed, "seconds": seconds, "tokens_per_second": session / seconds,
            "processes": self.trainer.args.world_size, "accumulation": self.accumulation,
            "device": self.trainer.args.device.type, "dtype": "bf16" if self.bf16 else "fp32",
        }  # fmt: skip

    def save(self, folder: Path, *, merge: bool) -> None:
        """Write model, tokenizer and curves; all processes come. `merge`: the adapter becomes a whole model."""
        plugin = getattr(self.trainer.accelerator.state, "fsdp_plugin", None)
        if plugin is not None:
            plugin.set_state_dict_type("FULL_STATE_DICT")
        self.network.config.use_cache = self.use_cache  # of generation; the Trainer turns it off
        self.trainer.save_model(str(folder))
        if not self.first:
            return
        (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle of no use
        (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card
        if merge:
            self._merge(folder)
        for name, rows, columns in (
            (CURVE, self.curve, ["loss", "grad_norm", "learning_rate"]),
            (VALIDATION, self.validation, ["eval_loss", "eval_accuracy"]),
        ):
            if rows:
                frame = pd.DataFrame(rows)[["step", *columns]].rename(columns=lambda one: one.removeprefix("eval_"))
                frame.insert(1, "epoch", frame["step"] / self.epoch)
                store.write_table(frame, folder / name, decimals=8)

    def _merge(self, folder: Path) -> None:
        """Replace an adapter by the whole model, calculated from the base in float32."""
        from peft import PeftModel

        base = _model(self.options.model_copy(update={"load_in": None}), torch.float32)
        _add_embeddings(base, self.tokenizer, self.added)
        adapter = folder.with_name("adapter")
        shutil.rmtree(adapter, ignore_errors=True)
        os.replace(folder, adapter)
        PeftModel.from_pretrained(base, adapter).merge_and_unload().save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def _tokenizer(options: Finetuning) -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(weights.folder(options.base))
    except Exception as error:  # each layer below has errors of its own
        raise UserError(f"finetuning.base: {options.base}: its tokenizer cannot be loaded: {one_line(error)}") from None
    tokenizer.chat_template = options.chat_template or tokenizer.chat_template
    if tokenizer.chat_template is None:
        raise UserError(f"finetuning.base: {options.base}: its tokenizer has no chat template; set chat_template")
    return tokenizer


def _model(options: Finetuning, dtype: Any) -> "PreTrainedModel":
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    extra = {}
    if options.load_in is not None:
        extra["quantization_config"] = BitsAndBytesConfig(**{f"load_in_{options.load_in}": True})
    try:
        return AutoModelForCausalLM.from_pretrained(weights.folder(options.base), dtype=dtype, **extra)
    except Exception as error:
        raise UserError(f"finetuning.base: {options.base}: cannot be loaded: {one_line(error)}") from None


def _add_tokens(tokenizer: "PreTrainedTokenizerBase", names: Collection[str]) -> list[str]:
    """Give the tokenizer a token for each tool; returns those it did not have (an earlier round may have)."""
    from tokenizers import AddedToken

    known = tokenizer.get_vocab()
    added = [token for token in map(token_of, sorted(names)) if token not in known]
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in added])
    return added


def _add_embeddings(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", added: Sequence[str]) -> None:
    """Room for new tokens in a model; each begins as the mean of the pieces of its tool's name."""
    if not added:
        return
    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for token in added:
            pieces = tokenizer.encode(token.removeprefix("<tool_").removesuffix(">"), add_special_tokens=False)
            for module in _embeddings(model):
                module.weight[tokenizer.convert_tokens_to_ids(token)] = module.weight[pieces].mean(0)


def _embeddings(model: "PreTrainedModel") -> list[Any]:
    """The input layer and, where it has weights of its own, the output layer."""
    first, last = model.get_input_embeddings(), model.get_output_embeddings()
    return [first] if last is None or last.weight is first.weight else [first, last]
