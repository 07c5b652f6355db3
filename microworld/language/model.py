"""The small language model: a standard transformers architecture (Lfm2), its size, how it is saved and encoded for.

>>> sum(p.numel() for p in build(vocabulary=7936).parameters()) < 8e6
True

Short convolutions and attention alternate; measured against Llama at equal size it learned faster and ran faster
(README.md). `AutoModelForCausalLM.from_pretrained("microworld/checkpoint")` loads what `save` wrote.
"""

from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, Lfm2Config, PreTrainedModel, PreTrainedTokenizerFast

from microworld.language.corpus import Conversation
from microworld.language.tokenizer import CONTEXT, END

EMBEDDING_STD = 0.08
CHECKPOINT = Path(__file__).parent.parent / "checkpoint"


def build(vocabulary: int, *, hidden: int = 256, layers: int = 6, inner: int = 704) -> PreTrainedModel:
    """A model with fresh weights, heads of 32."""
    heads = hidden // 32
    config = Lfm2Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        initializer_range=0.03,
        conv_L_cache=3,
        conv_bias=False,
        block_auto_adjust_ff_dim=False,
        layer_types=["full_attention" if layer % 2 else "conv" for layer in range(layers)],
    )
    network = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    # tied embeddings this large let a copied word win the softmax from the first steps on
    torch.nn.init.normal_(network.get_input_embeddings().weight, std=EMBEDDING_STD)
    return network


def encode(tokenizer: PreTrainedTokenizerFast, conversation: Conversation) -> tuple[list[int], list[float]]:
    """Token ids of a conversation, as its chat template renders it, and what each token counts in the loss."""
    ids: list[int] = []
    weights: list[float] = []
    end = tokenizer.convert_tokens_to_ids(END)
    for turn in conversation.turns:
        encoded = tokenizer._tokenizer.encode(turn.content, add_special_tokens=False)
        ids += [tokenizer.convert_tokens_to_ids(f"<|{turn.role}|>"), *encoded.ids, end]
        counts = [0.0] * (len(encoded.ids) + 2)
        for start, stop, weight in turn.spans:
            for place, (low, _) in enumerate(encoded.offsets):
                if start <= low < stop:
                    counts[place + 1] = weight
            if stop > len(turn.content):
                counts[-1] = weight
        weights += counts
    return ids, weights


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write weights (bf16), configuration, tokenizer and chat template, so that a reader never sees half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / ".partial"
    copy = build_like(model)
    copy.load_state_dict({name: value.to(torch.bfloat16) for name, value in model.state_dict().items()})
    copy.save_pretrained(staging)
    tokenizer.save_pretrained(staging)
    for file in staging.iterdir():
        file.replace(folder / file.name)
    staging.rmdir()


def build_like(model: PreTrainedModel) -> PreTrainedModel:
    """A bf16 model of the same configuration."""
    return AutoModelForCausalLM.from_config(model.config, dtype=torch.bfloat16)
