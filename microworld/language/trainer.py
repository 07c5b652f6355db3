"""One process of a training run: batches from the corpus, a step, the state on disk.

>>> from pathlib import Path
>>> options = Options(out=Path("checkpoint"), work=Path("state"), processes=1, max_steps=20)
>>> losses = Trainer(options, rank=0).run()                                                       # doctest: +SKIP

Muon for the matrices of the layers (each process updates its share of them), AdamW for the rest; a constant rate, then
a linear descent. `train` starts the processes and is the command.
"""

import csv
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer

from microworld.language import batching, model, tokenizer
from microworld.language.batching import Example
from microworld.language.exam import teacher_forced
from microworld.language.forward import Forward

MUON_RATE, ADAM_RATE, EMBEDDING_RATE = 0.02, 2e-3, 7e-4
SPARSE = 16  # one in so many of the tokens that a batch lacks is in its softmax
WHOLE = 0.6  # share of the run after which all are: the tail, from which sampling draws at times, must be right
WARMUP, DESCENT, FLOOR = 30, 0.5, 0.02


@dataclass
class Options:
    """How to train."""

    out: Path
    work: Path
    tokens: float = 20e6
    minutes: float = float("inf")
    step_tokens: int = 6000
    save_minutes: float = 4.0
    processes: int = 2
    device: str = "cpu"
    seed: int = 0
    resume: bool = False
    new_tokenizer: bool = False
    hidden: int = 256
    layers: int = 6
    inner: int = 704
    compile: bool = False
    max_steps: int = 1 << 60
    exam: bool = True


@dataclass
class Place:
    """How far training has come; with the weights and the optimisers' state it is all that resuming needs."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    pool: int = 0
    pool_tokens: int = 0
    batch: int = 0


def weighted_loss(
    forward: Forward, table: torch.Tensor, ids: torch.Tensor, weights: torch.Tensor, step: int, sparse: int = SPARSE
) -> torch.Tensor:
    """The weighted sum of the loss over the tokens to learn.

    The softmax runs over the tokens of the batch and some others (one in `sparse`, which stands for so many). With all
    of them in it from the start, words that hardly occur drift, all in one direction (Adam makes full steps of tiny
    gradients), and copying them is lost.
    """
    seen = torch.unique(ids)
    some = torch.arange(step % sparse, len(table), sparse, device=ids.device)
    present = torch.unique(torch.cat([seen, some]))
    stands_for = torch.where(torch.isin(present, seen), 1.0, float(sparse))
    hidden = forward(ids[:, :-1])
    learn = weights[:, 1:] > 0
    logits = hidden[learn] @ table[present].T.to(hidden.dtype)
    wanted = torch.searchsorted(present, ids[:, 1:][learn])
    losses = cross_entropy(logits.float() + stands_for.log(), wanted, reduction="none")
    return (losses * weights[:, 1:][learn]).sum()


class Trainer:
    """One process of a training run."""

    def __init__(self, options: Options, rank: int) -> None:
        self.options, self.rank, self.place, self.stopping = options, rank, Place(), False
        torch.manual_seed(options.seed)
        # the committed tokenizer, so that a run can be repeated whatever words the corpus has gained since
        self.tokenizer = (
            tokenizer.build()
            if options.new_tokenizer
            else AutoTokenizer.from_pretrained(options.out if options.resume else model.CHECKPOINT)
        )
        self.network = model.build(
            len(self.tokenizer), hidden=options.hidden, layers=options.layers, inner=options.inner
        )
        self.network.to(options.device).train()
        named = list(self.network.named_parameters())
        self.matrices = sorted((p for name, p in named if p.ndim == 2 and "layers" in name), key=torch.Tensor.numel)
        chosen = {id(p) for p in self.matrices}
        self.rest = [p for _, p in named if id(p) not in chosen]
        mine = self.matrices[rank :: options.processes]
        self.muon = torch.optim.Muon(mine, lr=MUON_RATE, momentum=0.95, weight_decay=0.01)
        self.forward = Forward(self.network, torch.bfloat16, options.compile)
        self.table = table = self.network.get_input_embeddings().weight
        groups = [
            {"params": [table], "full": EMBEDDING_RATE, "betas": (0.9, 0.99)},
            {"params": [p for p in self.rest if p is not table], "full": ADAM_RATE, "betas": (0.9, 0.95)},
        ]
        self.adam = torch.optim.AdamW(groups, lr=ADAM_RATE, weight_decay=0.0)
        if options.resume:
            self.load()

    # --- one step -----------------------------------------------------------------------------------------------------

    def rate(self) -> float:
        """The learning rate at this place, as a share of the full one."""
        left = 1 - self.place.tokens / self.options.tokens
        return min(1.0, (self.place.step + 1) / WARMUP) * max(FLOOR, min(1.0, left / DESCENT))

    def step(self, examples: list[Example]) -> tuple[float, float]:
        """Learn from a batch (this process's part of it); the loss and the weight it was measured on."""
        for group in (*self.muon.param_groups, *self.adam.param_groups):
            group["lr"] = group.get("full", MUON_RATE) * self.rate()
        ids, weights = batching.collate(examples, self.options.device)
        sparse = SPARSE if self.place.tokens < WHOLE * self.options.tokens else 1
        loss = weighted_loss(self.forward, self.table, ids, weights, self.place.step, sparse)
        loss.backward()
        parameters = [*self.matrices, *self.rest]
        sums = torch.tensor([loss.item(), float(weights[:, 1:].sum()), float(sum(len(one) for one, _ in examples))],
                            dtype=torch.float32, device=self.options.device)  # fmt: skip
        flat = torch.cat([p.grad.reshape(-1) for p in parameters] + [sums])
        if self.options.processes > 1:
            dist.all_reduce(flat)
        total, weight, tokens = flat[-3:].tolist()
        place = 0
        for p in parameters:
            p.grad = flat[place : place + p.numel()].view_as(p) / weight
            place += p.numel()
        torch.nn.utils.clip_grad_norm_(self.rest, 1.0)
        self.muon.step()
        mean = self.table.detach().mean(0)
        self.adam.step()
        with torch.no_grad():  # no drift of all words in one direction
            self.table += mean - self.table.mean(0)
        self.network.zero_grad()
        self.share_matrices()
        self.place.step += 1
        self.place.tokens += round(tokens)
        return total, weight

    @torch.no_grad()
    def share_matrices(self) -> None:
        """Every process gets the matrices the others have updated."""
        for owner in range(self.options.processes if self.options.processes > 1 else 0):
            part = self.matrices[owner :: self.options.processes]
            flat = torch.cat([p.reshape(-1) for p in part])
            dist.broadcast(flat, owner)
            place = 0
            for p in part:
                p.copy_(flat[place : place + p.numel()].view_as(p))
                place += p.numel()

    def stop(self) -> None:
        """Ask for an end soon, with everything saved."""
        self.stopping = True

    # --- the run ------------------------------------------------------------------------------------------------------

    def stream(self) -> Iterator[list[Example]]:
        """Batches from the present place on."""
        while True:
            found = batching.batches(
                self.tokenizer,
                self.options.seed,
                self.place.pool * self.options.processes + self.rank,
                self.place.pool_tokens,
                self.options.step_tokens // self.options.processes,
            )
            count = self.agreed(len(found), min)
            while self.place.batch < count:
                self.place.batch += 1
                yield found[self.place.batch - 1]
            self.place.pool, self.place.pool_tokens, self.place.batch = self.place.pool + 1, self.place.tokens, 0

    def agreed(self, value: float, how: Any) -> Any:
        """A number all processes agree on."""
        if self.options.processes == 1:
            return value
        values: list[Any] = [None] * self.options.processes
        dist.all_gather_object(values, value)
        return how(values)

    def run(self) -> list[float]:
        """Train until the budget of tokens, minutes or steps is spent; the loss of every step."""
        losses: list[float] = []
        begun, saved, before = time.monotonic(), time.monotonic(), self.place.seconds
        recent = [0.0, 0.0]
        mark, mark_tokens = time.monotonic(), self.place.tokens
        for examples in self.stream():
            total, weight = self.step(examples)
            losses.append(total / weight)
            recent = [recent[0] + total, recent[1] + weight]
            self.place.seconds = before + time.monotonic() - begun
            if self.rank == 0 and self.place.step % 50 == 0:
                pace = (self.place.tokens - mark_tokens) / (time.monotonic() - mark + 1e-9)
                print(
                    f"step {self.place.step} tokens {self.place.tokens:,} loss {losses[-1]:.3f} {pace:.0f}/s",
                    flush=True,
                )
            over = self.place.tokens >= self.options.tokens or self.place.step >= self.options.max_steps
            if over or self.place.step % 25 == 0:  # clocks and signals differ, so the processes must agree
                late = self.stopping or time.monotonic() - begun >= 60 * self.options.minutes
                over = self.agreed(over or late, any)
                if not over and not self.agreed(time.monotonic() - saved >= 60 * self.options.save_minutes, any):
                    continue
                pace = (self.place.tokens - mark_tokens) / (time.monotonic() - mark)
                self.save(recent[0] / recent[1], pace)
                recent, saved, mark, mark_tokens = [0.0, 0.0], time.monotonic(), time.monotonic(), self.place.tokens
                if over:
                    return losses
        return losses

    # --- on disk ------------------------------------------------------------------------------------------------------

    def save(self, loss: float, pace: float) -> None:
        """State, weights and a row of the learning curve."""
        momenta = self.momenta()
        if self.rank == 0:
            self.options.work.mkdir(parents=True, exist_ok=True)
            state = {
                "model": self.network.state_dict(),
                "adam": self.adam.state_dict(),
                "muon": momenta,
                "place": asdict(self.place),
            }
            torch.save(state, self.options.work / "state.tmp")
            os.replace(self.options.work / "state.tmp", self.options.work / "state.pt")
            model.save(self.network, self.tokenizer, self.options.out)
        scores: dict[str, float] = {}
        if self.options.exam:
            self.network.eval()
            gathered: list[Any] = [None] * self.options.processes
            mine = teacher_forced(self.network, self.tokenizer, self.rank, self.options.processes)
            if self.options.processes > 1:
                dist.all_gather_object(gathered, mine)
            for part in gathered if self.options.processes > 1 else [mine]:
                scores |= part
            self.network.train()
        if self.rank == 0:
            row = {
                **asdict(self.place),
                "loss": round(loss, 4),
                "rate": round(self.rate(), 4),
                "tokens_per_second": round(pace),
                **scores,
            }
            file = self.options.out / "learning_curve.csv"
            new = not file.exists() or (not self.options.resume and self.place.step <= 25)
            with file.open("w" if new else "a", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, list(row), lineterminator="\n")
                if new:
                    writer.writeheader()
                writer.writerow(row)
            print("saved", row, flush=True)

    def momenta(self) -> list[torch.Tensor]:
        """The momentum of every matrix, whoever owns it."""
        found = []
        for number, p in enumerate(self.matrices):
            owner = number % self.options.processes
            momentum = self.muon.state[p]["momentum_buffer"] if owner == self.rank else torch.zeros_like(p)
            if self.options.processes > 1:
                dist.broadcast(momentum, owner)
            found.append(momentum)
        return found

    def load(self) -> None:
        """Go on from the state on disk.

        Raises:
            FileNotFoundError: there is none.
        """
        state = torch.load(self.options.work / "state.pt", map_location=self.options.device, weights_only=True)
        self.network.load_state_dict(state["model"])
        self.adam.load_state_dict(state["adam"])
        for number, (p, momentum) in enumerate(zip(self.matrices, state["muon"], strict=True)):
            if number % self.options.processes == self.rank:
                self.muon.state[p] = {"momentum_buffer": momentum.clone()}
        self.place = Place(**state["place"])
