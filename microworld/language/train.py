"""Train the small language model from scratch, resumably: on two CPU processes (gloo) or on one GPU.

    python -m microworld.language.train --tokens 20000000            # start, or with --resume go on
    python -m microworld.language.train --resume --minutes 45        # stop after 45 minutes, ready to be resumed

Muon for the matrices of the layers, AdamW for the rest; constant rate, then a linear descent over the last half of
`--tokens`, which may be changed on resuming. Everything random is seeded by example number, so a resumed run sees what
an uninterrupted one would have seen. Every few minutes, and when terminated (SIGTERM to the
process group), the state goes to `--work` and the weights to `--out`.
"""

import argparse
import glob
import os
import signal
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from microworld.language import model
from microworld.language.forward import can_compile
from microworld.language.trainer import Options, Trainer


def _process(rank: int, options: Options) -> None:
    if options.device == "cpu":
        torch.set_num_threads(max(1, 2 // options.processes))
    if options.processes > 1:
        meeting = (options.work / "rendezvous").absolute()
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=options.processes,
                                timeout=timedelta(minutes=10))  # fmt: skip
    trainer = Trainer(options, rank)
    signal.signal(signal.SIGTERM, lambda *_: trainer.stop())
    trainer.run()
    if options.processes > 1:
        dist.destroy_process_group()


def train(options: Options) -> None:
    """Train in as many processes as asked for."""
    options.work.mkdir(parents=True, exist_ok=True)
    if options.processes == 1:
        _process(0, options)
        return
    (options.work / "rendezvous").unlink(missing_ok=True)
    library = next(iter(glob.glob("/usr/lib/*/libjemalloc.so.2")), "")
    if library:  # glibc's allocator is up to twice as slow here; with endless decay memory grew without bound
        os.environ["LD_PRELOAD"] = library
        os.environ["MALLOC_CONF"] = "dirty_decay_ms:4000,muzzy_decay_ms:4000"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the processes save and end; this one waits for them
    torch.multiprocessing.spawn(_process, args=(options,), nprocs=options.processes)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m microworld.language.train", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=model.CHECKPOINT, help="where the loadable checkpoint goes")
    parser.add_argument("--work", type=Path, default=Path("build/language"), help="where the state for resuming goes")
    parser.add_argument("--tokens", type=float, default=20e6, help="tokens in all")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long, to be resumed")
    parser.add_argument("--step-tokens", type=int, help="tokens a step (default: 6000; 32000 on a GPU)")
    parser.add_argument("--processes", type=int, help="processes (default: 2; 1 on a GPU)")
    parser.add_argument("--save-minutes", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from --work")
    parser.add_argument("--new-tokenizer", action="store_true", help="build it anew instead of using the committed one")
    given = vars(parser.parse_args())
    gpu = torch.cuda.is_available()
    given["compile"] = can_compile()
    given["device"] = "cuda" if gpu else "cpu"
    given["processes"] = given["processes"] or (1 if gpu else 2)
    given["step_tokens"] = given["step_tokens"] or (32000 if gpu else 6000)
    train(Options(**given))


if __name__ == "__main__":
    main()
