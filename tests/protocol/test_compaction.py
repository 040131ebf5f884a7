from typing import Any

from openai.types.responses import CompactedResponse, ResponseUsage

from respool.protocol.compaction import compacted, count_request

CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"}
BODY = {
    "model": "gpt-5.2",
    "input": [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"},
        CALL,
        {"role": "user", "content": [{"type": "input_text", "text": "second"}]},
    ],
}


def texts(answer: dict[str, Any]) -> list[str]:
    return [item["content"][0]["text"] for item in answer["output"] if item["type"] == "message"]


def test_the_users_messages_are_kept_and_one_item_stands_for_the_rest() -> None:
    answer = compacted(BODY, (), 1700000000)
    assert (answer["object"], answer["created_at"]) == ("response.compaction", 1700000000)
    assert [(item["type"], item.get("role")) for item in answer["output"]] == [
        ("message", "user"),
        ("message", "user"),
        ("compaction", None),
    ]
    assert texts(answer) == ["first", "second"]
    ids = [answer["id"], *(item["id"] for item in answer["output"])]
    assert [id_.partition("_")[0] for id_ in ids] == ["resp", "msg", "msg", "cmp"]
    assert answer["output"][-1]["encrypted_content"].startswith("gAAAAA")


def test_messages_of_the_response_before_come_first() -> None:
    answer = compacted(
        {"model": "m", "input": "now"}, [{"id": "a", "role": "user", "content": "then"}, CALL], 0
    )
    assert texts(answer) == ["then", "now"]
    assert len({item["id"] for item in answer["output"]}) == 3


def test_the_same_request_gives_the_same_and_another_one_gives_another() -> None:
    answer = compacted(BODY, (), 1)
    assert compacted(BODY, (), 2) == {**answer, "created_at": 2}
    for other in ({**BODY, "input": "first"}, {**BODY, "model": "x"}, {**BODY, "instructions": "x"}):
        different = compacted(other, (), 1)
        assert different["id"] != answer["id"]
        assert different["output"][-1]["id"] != answer["output"][-1]["id"]
        assert different["output"][-1]["encrypted_content"] != answer["output"][-1]["encrypted_content"]


def test_nothing_can_be_compacted() -> None:
    assert [item["type"] for item in compacted({"model": "m"}, (), 0)["output"]] == ["compaction"]


def test_it_is_what_the_sdk_declares_but_for_messages_of_the_user() -> None:
    answer = compacted(BODY, (), 0)
    # The package says in words that these are in the output; its type has those of the assistant only.
    rest = [item for item in answer["output"] if item.get("role") != "user"]
    CompactedResponse.model_validate({**answer, "output": rest})
    ResponseUsage.model_validate(answer["usage"])


def test_usage_adds_up() -> None:
    usage = compacted(BODY, (), 0)["usage"]
    assert usage["input_tokens"] == count_request(BODY) > 0
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_tokens_are_about_four_characters_each() -> None:
    assert count_request({}) == 0
    assert count_request({"input": "x" * 40}) == 10
    assert count_request({"input": "x" * 40, "instructions": "y" * 8}) == 12
    assert count_request({"input": [{"role": "user", "content": "x" * 40}]}) == 10
    assert count_request({"input": "x" * 40}, [{"role": "user", "content": "x" * 40}]) == 20


def test_tools_are_counted_as_the_text_that_describes_them() -> None:
    tool = {"type": "function", "name": "f", "description": "z" * 400, "parameters": {"type": "object"}}
    one, two = (count_request({"input": "hi", "tools": [tool] * number}) for number in (1, 2))
    assert 100 < one < two < 300
    assert count_request({"input": "hi", "tools": []}) == 1


def test_the_data_of_pictures_and_files_is_not_counted() -> None:
    parts = [
        {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 40_000},
        {"type": "input_file", "file_data": "A" * 40_000, "filename": "a.pdf"},
    ]
    assert count_request({"input": [{"role": "user", "content": parts}]}) < 10
