from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseItemList

from respool.errors import RequestError
from respool.protocol.pages import page


def items(count: int) -> list[dict[str, Any]]:
    return [{"id": f"msg_{number}", "type": "message"} for number in range(count)]


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["id"] for item in answer["data"]]


def test_the_newest_come_first_and_twenty_at_a_time() -> None:
    answer = page(items(25))
    assert ids(answer) == [f"msg_{number}" for number in range(24, 4, -1)]
    assert answer == {
        "object": "list",
        "data": answer["data"],
        "first_id": "msg_24",
        "last_id": "msg_5",
        "has_more": True,
    }
    assert list(answer) == ["object", "data", "first_id", "last_id", "has_more"]


PAGES = [
    (None, 2, "asc", ["msg_0", "msg_1"], True),
    ("msg_1", 2, "asc", ["msg_2", "msg_3"], False),
    ("msg_2", 2, "asc", ["msg_3"], False),
    ("msg_3", 2, "asc", [], False),
    (None, 4, "desc", ["msg_3", "msg_2", "msg_1", "msg_0"], False),
    (None, 3, "desc", ["msg_3", "msg_2", "msg_1"], True),
    ("msg_2", 1, "desc", ["msg_1"], True),
    ("msg_0", 1, "desc", [], False),
]


@pytest.mark.parametrize(("after", "limit", "order", "expected", "has_more"), PAGES)
def test_a_page_follows_the_item_before_it(
    after: str | None, limit: int, order: str, expected: list[str], has_more: bool
) -> None:
    answer = page(items(4), after, limit, order)
    assert (ids(answer), answer["has_more"]) == (expected, has_more)


def test_an_empty_page_has_no_first_and_no_last() -> None:
    assert page([]) == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


@pytest.mark.parametrize("after", ["msg_9", "", "MSG_0"])
def test_an_item_that_is_not_there_cannot_be_paged_after(after: str) -> None:
    with pytest.raises(RequestError) as raised:
        page(items(3), after)
    assert raised.value.message == f"Item with id '{after}' not found."
    assert raised.value.status == 404


def test_where_it_is_asked_for_an_item_that_is_not_there_is_before_the_first_page() -> None:
    assert page(items(3), "nowhere", strict=False) == page(items(3))
    assert page(items(3), "msg_1", strict=False) == page(items(3), "msg_1")


def test_a_page_is_what_the_sdk_takes_for_one() -> None:
    message = {"role": "user", "content": [], "status": "completed"}
    ResponseItemList.model_validate(page([{**item, **message} for item in items(2)]))


@given(st.integers(0, 60), st.integers(1, 100), st.sampled_from(["asc", "desc"]))
def test_all_pages_one_after_the_other_are_the_whole(count: int, limit: int, order: str) -> None:
    whole = items(count)
    seen: list[str] = []
    after = None
    while True:
        answer = page(whole, after, limit, order)
        seen += ids(answer)
        assert len(answer["data"]) == min(limit, count - len(seen) + len(answer["data"]))
        if not answer["has_more"]:
            break
        after = answer["last_id"]
    forward = [item["id"] for item in whole]
    assert seen == (forward if order == "asc" else forward[::-1])
