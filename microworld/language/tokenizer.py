"""The tokenizer: whole words, the prompt scaffold in single tokens, characters and bytes for the rest.

>>> made = build()
>>> made.decode(made("Naïve café ▁ 東京  x")["input_ids"]) == "Naïve café ▁ 東京  x"
True

A Unigram model in which every token costs the same, so that a text gets the fewest tokens. `▁` marks the start of a
word, also after a quote or an underscore, so that a value is the same token in a query and in JSON, and copying it is
one step. Fixed sentences of the prompt templates are single tokens: instructions cost the small model nearly nothing.
Decoding gives back every text exactly, a literal `▁` included.
"""

import collections
import re
import string

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from microworld.language import corpus, vocabulary
from ste_core.core import prompting

PAD, END, SYSTEM, USER, ASSISTANT = SPECIAL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
CONTEXT = 2048
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

_WORD = re.compile(r"[A-Za-z]{2,}")
_LETTER = r"[\p{L}\p{N}]"
_MARK, _ESCAPE, _ESCAPED_ESCAPE, _ESCAPED_MARK = "▁", "\ue000", "\ue000\ue001", "\ue000\ue002"

#: pieces of JSON, ReAct and prompts beside the templates
_SCAFFOLD = (
    r"""
{"|": "|", "|"}|": |, "|}|: {"|": {"|"}}|": ["|"]}|"]|": [|], "|]}|: |. |, | (|) |), |\n|\n- |\n\n|: |{}|: [|
", |"|["|(string)|(integer)|(number)|(array)|(object)|(boolean)|(string, optional)|(integer, optional)|
(number, optional)|(array, optional)|(object, optional)|(boolean, optional)|. API: |API: |. Args: |. Args: none|
 (string)| (integer)| (number)| (array)| (object)| (boolean)| (string, optional)| (integer, optional)|
 (number, optional)| (array, optional)|
 (object, optional)| (boolean, optional)| (string), | (integer), | (number), | (array), | (object), |
 (boolean), | (string, optional), | (integer, optional), | (number, optional), | (array, optional), |
 (object, optional), | (boolean, optional), |User Query: |\nUser Query: |Action: |
\nAction: |\nAction Input: {"|\nAction Input: {}|Thought: |Final Answer: |Observation: |Observation: Error: |
missing argument '|unknown argument '|', arguments are: |' is not of type '|: expected |, for example |
, such as | (solved)\n- | (unsolved)\n- | (solved)| (unsolved)|\nFinal Answer: |\nObservation: |
Informative: Yes|Informative: No|\nFaithful: Yes|\nFaithful: No|\nAppropriate: Yes|\nAppropriate: No| is |
, the | and |'|.\n|?\n|?|.|!|'s|n't| '| %|%|? | - | -|": -|, -|/|: '
""".strip("\n")
    .replace("\n", "")
    .replace("\\n", "\n")
    .split("|")
)


def _normalizer() -> normalizers.Normalizer:
    return normalizers.Sequence(
        [
            normalizers.Replace(_ESCAPE, _ESCAPED_ESCAPE),
            normalizers.Replace(_MARK, _ESCAPED_MARK),
            normalizers.Replace(Regex(f"(?<={_LETTER}) (?={_LETTER})"), _MARK),
            normalizers.Replace(Regex(f"(?<![\\p{{L}}\\p{{N}}{_MARK}])(?={_LETTER})"), _MARK),
        ]
    )


def _decoder() -> decoders.Decoder:
    return decoders.Sequence(
        [
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Replace(Regex(f"(?<={_LETTER}){_MARK}"), " "),
            decoders.Replace(_MARK, ""),
            decoders.Replace(_ESCAPED_MARK, _MARK),
            decoders.Replace(_ESCAPED_ESCAPE, _ESCAPE),
        ]
    )


def _sentences() -> list[str]:
    """The fixed parts of the prompt templates, and their lines."""
    found = []
    for name in prompting.names():
        for part in re.split(r"\{[a-z_]+\}", prompting.template(name)):
            found += [part, part.strip("\n"), *part.splitlines()]
    return [part for part in found if len(part) > 1]


def _corpus_words() -> list[str]:
    """Words that the corpus uses again and again, whatever list they come from."""
    counts: collections.Counter[str] = collections.Counter()
    for number in range(3000):
        conversation = corpus.example(seed=-1, number=number, tokens=float("inf"))
        counts.update({word for turn in conversation.turns for word in _WORD.findall(turn.content)})
    return sorted(word for word, count in counts.items() if count >= 4)


def _pieces(normalizer: normalizers.Normalizer) -> list[str]:
    pieces = [normalizer.normalize_str(piece) for piece in (*_SCAFFOLD, *_sentences())]
    pieces += [_MARK + word for word in (*vocabulary.WORDS, *_corpus_words())]
    pieces += [_MARK + one for one in string.ascii_letters + string.digits]
    pieces += [one for one in string.printable if one not in "\r\x0b\x0c"] + [_MARK]
    return list(dict.fromkeys(pieces))


def build() -> PreTrainedTokenizerFast:
    """The tokenizer, with its chat template."""
    normalizer = _normalizer()
    fixed = [*SPECIAL, "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces = [piece for piece in _pieces(normalizer) if piece and piece not in fixed]
    unused = [f"<|unused{number}|>" for number in range(-(len(fixed) + len(pieces)) % 64)]
    scored = [(one, -30.0) for one in fixed] + [(one, -1.0) for one in pieces] + [(one, -30.0) for one in unused]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=len(SPECIAL), byte_fallback=True))
    tokenizer.normalizer = normalizer
    tokenizer.decoder = _decoder()
    tokenizer.add_special_tokens([AddedToken(one, special=True, normalized=False) for one in SPECIAL])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        model_max_length=CONTEXT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped
