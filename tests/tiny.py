"""Tiny random language models with a tokenizer and a chat template, made on the spot."""

import json
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


def write_gguf(path: Path, *, quantised: bool = True, **header: object) -> Path:
    """Write a tiny model of random weights as a GGUF file: llama, its matrices Q8_0, with tokenizer and template."""
    gguf = pytest.importorskip("gguf")
    import tempfile

    import transformers

    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), "llama", spare=0)
        model = transformers.AutoModelForCausalLM.from_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config, words = model.config, tokenizer.backend_tokenizer
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(len(tokenizer))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    vocabulary = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    writer.add_token_list(vocabulary)
    writer.add_token_types([3 if number < 6 else 1 for number in range(len(vocabulary))])
    writer.add_token_merges([" ".join(pair) for pair in json.loads(words.to_str())["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template(TEMPLATE)
    for key, value in header.items():
        writer.add_key_value(key, value, gguf.GGUFValueType.get_type(value))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        data = tensor.numpy()
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2])
        if heads is not None:  # as llama.cpp orders the rows of rotary attention
            data = data.reshape(heads, 2, -1, data.shape[1]).swapaxes(1, 2).reshape(data.shape)
        kind = gguf.GGMLQuantizationType.Q8_0 if quantised and data.ndim == 2 else gguf.GGMLQuantizationType.F32
        data = gguf.quants.quantize(data.astype("float32"), kind)
        writer.add_tensor(names.get_name(name, (".weight",)), data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
