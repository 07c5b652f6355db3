"""Tiny random language models with a tokenizer and a chat template, made on the spot."""

from pathlib import Path

import pytest

WORDS = "the of tool weather city price date call query name value list track song user error result answer".split()

TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_model(
    directory: Path, kind: str = "lfm2", *, hidden: int = 64, layers: int = 4, seed: int = 0, spare: int = 3
) -> Path:
    """Write a model of random weights, sharp enough that its texts are not mere noise, to a directory."""
    torch = pytest.importorskip("torch")
    import tokenizers
    import transformers
    from tokenizers import decoders, pre_tokenizers, trainers

    raw = tokenizers.Tokenizer(tokenizers.models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=512, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    raw.train_from_iterator([f"{a} {b}" for a in WORDS for b in WORDS], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="<|end|>", chat_template=TEMPLATE
    )
    common = {
        "vocab_size": len(tokenizer) + spare,  # many models round it up
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    torch.manual_seed(seed)
    if kind == "lfm2":
        config = transformers.Lfm2Config(
            **common, layer_types=["conv", "full_attention"] * (layers // 2), block_auto_adjust_ff_dim=False
        )
        model = transformers.Lfm2ForCausalLM(config)
    elif kind == "mistral":  # a sliding window, whose cache cannot take rows in
        model = transformers.MistralForCausalLM(transformers.MistralConfig(**common, sliding_window=32))
    else:
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**common))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(4)
        model.get_output_embeddings().weight.mul_(2)
        for unwritten in (0, 1, 3, 4, 5):
            model.get_output_embeddings().weight[unwritten].zero_()
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def conversation(number: int) -> list[dict[str, str]]:
    """Conversations of very different lengths."""
    words = " ".join(WORDS[(number * 7 + k) % len(WORDS)] for k in range(1 + number * 13 % 60))
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"{number} {words}?"}]
