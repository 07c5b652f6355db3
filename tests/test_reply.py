"""What servers of the OpenAI protocol really send, and what becomes of it. The shapes are from public threads, named
beside each; the words are ours."""

import asyncio
import json

import pytest

from ste_core.core.errors import RequestRefused
from ste_core.models import refusals, reply
from ste_core.models.base import FILTERED, REFUSED, Choice, Completion, ToolCall
from ste_core.models.reasoning import separate
from ste_core.models.replies import Replies, answer_or_refusal, as_react

SAID, THOUGHT = "What is twice 7?", 'They want Action: double\nAction Input: {"number": 1}'


def read(message=None, finish="stop", usage=None, **choice):
    """The only choice of a reply with this message."""
    body = {"choices": [{"message": message, "finish_reason": finish} | choice], "usage": usage}
    (found,) = reply.read_completion(json.dumps(body).encode()).choices
    return found


@pytest.mark.parametrize(
    "content",
    [
        f"<think>\n{THOUGHT}\n</think>\n\n{SAID}",  # QwenLM/Qwen3#1396
        f"{THOUGHT}\n</think>\n\n{SAID}",  # the template opened the block: perplexityai/api-discussion#177
        f"<think>\nI close it by </think> when I am done. {THOUGHT}</think>{SAID}",  # ggml-org/llama.cpp#27661
        f"[THINK]{THOUGHT}[/THINK]{SAID}",  # Magistral 2506, vercel/ai#6715
        f"<seed:think>{THOUGHT}</seed:think>{SAID}",  # Seed-OSS
        f"<mm:think>{THOUGHT}</mm:think>{SAID}",  # MiniMax, NousResearch/hermes-agent#62680
        f"◁think▷{THOUGHT}◁/think▷{SAID}",  # Kimi-VL
        f"<|channel>thought\n{THOUGHT}<channel|>{SAID}",  # Gemma 4, vllm-project/vllm#42635
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{SAID}<|return|>",
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|>\n<|channel|>assistant<|message|>{SAID}",  # tetherto/qvac#2803
        f"analysis{THOUGHT}assistantfinal{SAID}",  # special tokens left out: Augustas11/macprovider#743
        f"Here is my thought process:\n{THOUGHT}\n\nHere is my response:\n{SAID}",  # Granite 3.2
        f'<details type="reasoning" done="true">\n<summary>T</summary>\n{THOUGHT}\n</details>\n{SAID}',  # Open WebUI
        f"<think>\n{THOUGHT}\n</think>\n<answer>\n{SAID}\n</answer>",  # Hunyuan
        f"<THINKING>{THOUGHT}</THINKING>\n{SAID}<|im_end|>\n<|im_start|>user\nmore",
        f"<think >{THOUGHT}</think >{SAID}",
        f"<analysis>{THOUGHT}</analysis>\n{SAID}",  # as prompts of applications ask for it
        f"<scratchpad>\n{THOUGHT}\n</scratchpad>\n\n{SAID}",
        [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}, {"type": "text", "text": SAID}],
        [{"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]}, SAID],  # simonw/llm-mistral#39
        {"type": "text", "text": f"<think>{THOUGHT}</think>{SAID}"},
    ],
)
def test_thinking_is_told_apart_whatever_its_form(content):
    found = read({"role": "assistant", "content": content})
    assert found.text == SAID and "Action" in found.reasoning and found.missing is None and not found.tool_calls


@pytest.mark.parametrize(
    "extra",
    [
        {"reasoning_content": THOUGHT},  # DeepSeek, SGLang, llama.cpp
        {"reasoning": THOUGHT},  # OpenRouter, vLLM since 0.11, Groq
        {"reasoning_details": [{"type": "reasoning.text", "text": THOUGHT}]},  # OpenRouter
        {"thinking": THOUGHT},  # Ollama
        {"thinking_blocks": [{"type": "thinking", "thinking": THOUGHT, "signature": "x"}]},  # LiteLLM
    ],
)
def test_thinking_in_a_field_of_its_own(extra):
    assert read({"content": SAID} | extra) == Choice(SAID, "stop", None, THOUGHT)
    for content in (None, "", [], "\n\n"):
        found = read({"content": content} | extra, "length")
        assert found.missing == "holds only reasoning and was cut at max_tokens" and found.reasoning == THOUGHT


def test_an_open_block_is_thinking_to_the_end_and_never_an_answer():
    for content in (f"<think>\n{THOUGHT}", f"analysis{THOUGHT}", f"<|channel|>analysis<|message|>{THOUGHT}"):
        found = read({"content": content}, "length")
        assert (found.text, found.finish_reason) == ("", "length") and "Action" in found.reasoning
    assert not separate(f"<think>{THOUGHT}").closed and separate(f"{THOUGHT}</think>a").closed


@pytest.mark.parametrize(
    "text",
    [
        'Action: page\nAction Input: {"html": "<think>x</think>", "more": "</think>"}',
        "Write `<think>draft</think>` around your notes.",
        'What does "</think>" mean?',
        "Is <b>2</b> < 3, and [THIS] a list?",
        "An analysis of the assistant's final answer",
        "",
        "  two spaces ",
    ],
)
def test_what_only_looks_like_thinking_stays(text):
    """The quoted tag is of nbramia/LifeOS#568."""
    assert read({"content": text}) == Choice(text, "stop")


def test_calls_of_every_form():
    """Arguments as an object: mrdushidush/claudette#238; empty ones: vllm-project/vllm#19419; encoded twice; the older
    function_call; marks of gpt-oss in the name: vllm-project/vllm#35906; Hermes' and Mistral's text, not parsed."""
    double = ToolCall("double", {"number": 7}, "")
    given = '{"number": 7}'
    for message in (
        {"tool_calls": [{"function": {"name": "double", "arguments": given}}]},
        {"tool_calls": [{"function": {"name": "double", "arguments": {"number": 7}}}]},
        {"tool_calls": [{"function": {"name": "double", "arguments": json.dumps(given)}}]},
        {"tool_calls": {"function": {"name": "double", "arguments": given}}},
        {"tool_calls": [None, {"name": "double", "arguments": given}]},
        {"tool_calls": [{"function": {"name": "functions.double<|channel|>commentary", "arguments": given}}]},
        {"content": None, "tool_calls": None, "function_call": {"name": "double", "arguments": given}},
        {"content": [{"type": "tool_use", "name": "double", "input": {"number": 7}}]},
        {"content": f'<tool_call>\n{{"name": "double", "arguments": {given}}}\n</tool_call>'},
        {"content": f'[TOOL_CALLS] [{{"name": "double", "arguments": {given}}}]'},
        {"content": f"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
                    f"to=functions.double <|constrain|>json<|message|>{given}<|call|>"},
        {"content": f"analysisHm.assistantcommentary to=functions.double json{given}"},
    ):  # fmt: skip
        found = read(message, "tool_calls")
        assert found.tool_calls == (double,) and not found.text and found.missing is None, message
        assert as_react(found) == f"Action: double\nAction Input: {given}"
    assert read({"tool_calls": [{"function": {"name": "now", "arguments": ""}, "id": "a"}]}).tool_calls == (
        ToolCall("now", {}, "a"),
    )
    broken = read({"content": "I try.", "tool_calls": [{"function": {"name": "double", "arguments": '{"number": '}}]})
    assert broken.tool_calls == (ToolCall("double", '{"number": '),)
    assert as_react(broken) == 'Thought: I try.\nAction: double\nAction Input: {"number": '
    assert as_react(read({"content": "Final Answer: 14", "tool_calls": []})) == "Final Answer: 14"


def test_refusals_filters_and_ends():
    """Azure's filter; z.AI's "sensitive" and Gemini's "SAFETY": anomalyco/opencode#44092, MacPaw/OpenAI#312."""
    refused = read({"content": None, "refusal": "I cannot help with that."})
    assert (refused.text, refused.finish_reason, refused.missing) == ("", REFUSED, "refused: I cannot help with that.")
    assert read({"content": [{"type": "refusal", "refusal": "No."}]}).missing == "refused: No."
    for reason in ("content_filter", "sensitive", "SAFETY"):
        found = read({"content": ""}, reason)
        assert found.finish_reason == FILTERED and found.missing == "stopped by the server's content filter"
    for reason in ("length", "max_tokens", "MAX_TOKENS", "model_length", "model_context_window_exceeded"):
        assert read({"content": "x"}, reason).finish_reason == "length"
    for reason in ("eos", "end_turn", "stop", "stop_sequence"):
        assert read({"content": "x"}, reason).finish_reason == "stop"
    assert read({"content": "x"}, None).finish_reason == ""


def test_an_answer_that_ended_before_it_had_begun():
    """A filter or the limit, and no message: affaan-m/ECC#1976, envoyproxy/ai-gateway#2107; Gemini's own names for the
    filter: HKUDS/Vibe-Trading#308."""
    for reason in ("content_filter: PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT", "RECITATION"):
        for message in (None, {}):
            assert read(message, reason).missing == "stopped by the server's content filter"
    cut = read(None, "MAX_TOKENS")
    assert cut.finish_reason == "length" and "cut at max_tokens" in (cut.missing or "")
    for reason in ("stop", None):
        with pytest.raises(reply.NoReply):
            read(None, reason)


def test_an_error_beside_an_answer():
    """A provider that fails when the answer has been announced: xyOz-dev/Saturn#43. What has been said stands."""

    def body(said):
        choice = {"message": {"content": said}, "finish_reason": "stop"}
        return json.dumps({"choices": [choice], "error": {"message": "gone", "code": 502}}).encode()

    with pytest.raises(reply.NoReply, match=r"^gone$") as raised:
        reply.read_completion(body(""))
    assert raised.value.status == 502
    assert reply.read_completion(body("14")).text == "14"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"type": "message", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"}, "stop_reason"),
        ({"output": [{"type": "message", "content": [{"type": "output_text", "text": "hi"}]}]}, "output_text"),
        ({"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}, "candidates"),
        ([{"generated_text": "hi"}], "generated_text"),
    ],
)
def test_a_reply_of_another_protocol_is_shown(body, shown):
    """A base URL of another protocol, with status 200: n8n-io/n8n#37959."""
    with pytest.raises(reply.NoReply, match=f"^the reply is not a chat completion: .*{shown}"):
        reply.read_completion(json.dumps(body).encode())


def test_comments_that_keep_a_connection_alive():
    """Before JSON, and handed on as if they were data: openai/openai-go#227, mnfst/llm-gateway#2053."""
    whole = json.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]})
    ping = ": OPENROUTER PROCESSING\n\n"
    for text in (ping * 3 + whole, "\n\n \n" + whole, f"data: {ping}" * 2 + f"data: {whole}\n\n"):
        assert reply.read_completion(text.encode()).text == "a"


def test_other_frames_and_streams_that_nobody_asked_for():
    """Ollama's own form and its lines; a gateway's frame; a stream with calls in pieces."""
    own = {"message": {"role": "assistant", "content": "a", "thinking": "b"}, "done": True, "done_reason": "length",
           "prompt_eval_count": 5, "eval_count": 3}  # fmt: skip
    assert reply.read_completion(json.dumps(own).encode()) == Completion((Choice("a", "length", None, "b"),), 5, 3)
    lines = [own | {"done": False, "done_reason": None, "message": {"content": one}} for one in "xy"] + [own]
    assert reply.read_completion("\n".join(map(json.dumps, lines)).encode()).text == "xya"
    inner = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}
    for frame in (inner, [inner], {"data": inner}, {"result": inner, "success": True}):
        assert reply.read_completion(b"\xef\xbb\xbf" + json.dumps(frame).encode()).text == "a"
    pieces = [{"name": "f", "arguments": '{"n"'}, {"arguments": ": 1}"}]
    events = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "", "reasoning_content": "H"}}]},
        {"choices": [{"index": 0, "delta": {"reasoning_content": "m"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": one}]}} for one in pieces[:1]]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": one}]}} for one in pieces[1:]]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    ]  # fmt: skip
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in events)
    found = reply.read_completion(f": ping\n\n{stream}data: [DONE]\n\n".encode())
    assert found == Completion((Choice("a", "tool_calls", None, "Hm", (ToolCall("f", {"n": 1}),)),), 3, 4)
    for cut in (stream.split("data: ", 4)[0:4], [stream[:200]]):
        with pytest.raises(reply.NoReply):
            reply.read_completion("data: ".join(cut).encode())


@pytest.mark.parametrize(
    "calls",
    [[{"index": 0, "function": "x"}], 5, [{"index": 0, "function": {"name": "f"}}, {"index": 0, "function": "x"}]],
)
def test_a_stream_of_another_shape_is_no_reply(calls):
    event = {"choices": [{"index": 0, "delta": {"tool_calls": calls}, "finish_reason": "tool_calls"}]}
    with pytest.raises(reply.NoReply, match=r"^the reply is not a chat completion$"):
        reply.read_completion(f"data: {json.dumps(event)}\n\ndata: [DONE]\n".encode())


def test_tokens_are_what_was_paid_for():
    """Gemini and Grok leave thinking out of completion_tokens: router-for-me/CLIProxyAPI#5733, inspect_ai#5528."""
    for usage, counted in (
        ({"prompt_tokens": 21, "completion_tokens": 0, "total_tokens": 81}, (21, 60)),
        ({"input_tokens": 5, "output_tokens": 6}, (5, 6)),
        ({"prompt_tokens": "7", "completion_tokens": 8.0}, (7, 8)),
        ({"prompt_tokens": -1, "completion_tokens": 1e300}, (0, 0)),
        ({"prompt_tokens": True, "completion_tokens": [1]}, (0, 0)),
        ("none", (0, 0)),
    ):
        body = {"choices": [{"message": {"content": "x"}}], "usage": usage}
        found = reply.read_completion(json.dumps(body).encode())
        assert (found.prompt_tokens, found.completion_tokens) == counted, usage


# --- the server's own words ---

WORDS = "the model is not loaded"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": WORDS, "code": 429}},
        {"error": WORDS},
        {"detail": WORDS},
        {"detail": {"error": {"message": WORDS}}},
        {"message": WORDS, "code": 1000},
        {"object": "error", "message": WORDS},  # vLLM, older
        [{"error": {"code": 400, "message": WORDS, "status": "INVALID_ARGUMENT"}}],  # Vali-98/ChatterUI#227
        {"errors": [{"code": 7003, "message": WORDS}], "success": False},  # Cloudflare
        {"base_resp": {"status_code": 1004, "status_msg": WORDS}},  # MiniMax
        {"error_code": 18, "error_msg": WORDS},  # Baidu
        {"fault": {"faultstring": WORDS}},  # Apigee
        {"title": "Bad Request", "detail": WORDS, "status": 400},  # RFC 9457
        {"status": "error", "data": {"message": WORDS}},
        {"success": False, "info": WORDS},
        {"error": {"message": "Provider returned error", "code": 400,
                   "metadata": {"raw": json.dumps({"error": {"message": WORDS}})}}},  # reVrost/go-openrouter#21
        {"error": {"message": json.dumps({"error": {"message": WORDS}})}},
        f"<html><head><title>502</title><style>x</style></head><body>{WORDS}</body></html>",
        WORDS,
    ],
)  # fmt: skip
def test_the_servers_own_words(body):
    said = refusals.reason(body)
    assert WORDS in said and "{" not in said and "<" not in said
    if isinstance(body, dict | list):
        with pytest.raises(reply.NoReply, match=WORDS):
            reply.read_completion(json.dumps(body).encode())


SENT = ["logprobs", "min_p", "top_p", "n", "seed", "stop", "temperature", "max_tokens", "max_completion_tokens"]


@pytest.mark.parametrize(
    ("body", "blamed"),
    [
        ({"error": {"message": "Unsupported parameter: 'stop' is not supported with this model."}}, "stop"),
        ({"error": {"message": "Unsupported value: 'temperature' does not support 0 with this model. Only the default "
                               "(1) value is supported.", "code": "unsupported_value"}}, "temperature"),
        ({"error": {"message": "`temperature` and `top_p` cannot both be specified for this model."}}, "top_p"),
        ([{"error": {"message": "Invalid JSON payload received. Unknown name \"seed\": Cannot find field."}}], "seed"),
        ({"error": {"message": "property 'min_p' is unsupported, did you mean 'n'?"}}, "min_p"),  # fanenr/chatbot#21
        ({"error": "Extra inputs are not permitted, field: 'seed'"}, "seed"),  # FlowiseAI/Flowise#2866
        ({"object": "error", "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens'), 'msg': "
                                        "'Extra inputs are not permitted', 'input': 8192}]"}, "max_completion_tokens"),
        ({"error": {"message": "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
                    "code": "invalid_parameter_combination", "param": "max_tokens"}}, "max_tokens"),  # langgraph#5943
        ({"error": {"message": "litellm.UnsupportedParamsError: anthropic does not support parameters: ['seed'], for "
                               "model=c. To drop these, set `litellm.drop_params=True`"}}, "seed"),  # kaiko-ai/eva#895
        ({"error": {"message": "ollama does not support parameters: {'seed': 1}, for model=l", "code": 500}}, "seed"),
        ({"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "no", "input": 1}]}, "seed"),
        ({"detail": [{"loc": ["body", "stop"], "msg": "extra fields not permitted", "type": "extra"}]}, "stop"),
        ({"error": {"message": "Model does not support parameter logprobs"}}, "logprobs"),  # OmniRoute#5273
        # no parameter is to blame
        ({"error": {"message": "'max_tokens' or 'max_completion_tokens' is too large: 360. This model's maximum "
                               "context length is 1024 tokens and your request has 900 input tokens"}}, None),  # vLLM
        ({"error": {"message": "This model's maximum context length is 4096 tokens. Please reduce the length"}}, None),
        ({"error": {"message": "temperature must be between 0 and 1", "param": "temperature"}}, None),
        ({"error": {"message": "The prompt was filtered; please stop and modify it. Unsupported content"}}, None),
        ({"error": {"message": "The model `gpt-9` does not exist", "code": "model_not_found"}}, None),
        ({"error": {"message": "property 'store' is unsupported, did you mean 'stop'?"}}, None),
    ],
)  # fmt: skip
def test_the_parameter_that_a_refusal_names(body, blamed):
    assert refusals.blamed(json.dumps(body).encode(), SENT)[:1] == ([] if blamed is None else [blamed])


def test_a_stage_says_once_that_most_replies_are_of_no_use(capsys):
    replies = Replies("exploration.max_tokens")
    thinking = Completion((Choice("", "length", reasoning="Hm."),), 1, 9)
    for _ in range(10):
        replies.add(thinking)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("ste: of 4 replies 4 hold no answer")
    assert "raise exploration.max_tokens" in said and "reasoning" in said
    well = Replies()
    for _ in range(10):
        well.add(Completion((Choice("a", "stop"),), 1, 1))
    well.add(thinking)
    assert well.problem() is None and not capsys.readouterr().err


def test_a_text_is_booked_as_refused_only_if_a_server_that_answers_refuses_it_again():
    class Server:
        """Refuses what is not a greeting, so many times."""

        def __init__(self, times):
            self.left, self.asked = times, []

        async def complete(self, messages, **options):
            self.asked.append(messages[0]["content"])
            if self.asked[-1] != "Hello" and self.left:
                self.left -= 1
                raise RequestRefused("503")
            return Completion((Choice("an answer", "stop"),), 1, 1)

    for times, text in ((0, "an answer"), (1, "an answer"), (2, "")):
        server = Server(times)
        found = asyncio.run(answer_or_refusal(server, [{"role": "user", "content": "Q"}]))
        assert found.text == text and found.choices[0].finish_reason == ("stop" if text else REFUSED)
        assert server.asked == (["Q", "Hello", "Q"] if times else ["Q"])
