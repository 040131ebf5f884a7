"""The page in Chromium. Nothing sleeps: what is expected is waited for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from respool.recordings.recording import Recording
from respool.recordings.store import Store
from respool.server.mock_server import MockServer

AXE = Path(__file__).parents[2] / "node" / "node_modules" / "axe-core" / "axe.min.js"

Tab = Callable[..., Any]


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect as expected

    return expected(locator)


def clipboard(page: Any) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def admin(url: str, method: str, path: str, **options: Any) -> Any:
    return httpx2.request(method, f"{url}/__admin{path}", timeout=60, **options).raise_for_status().json()


@pytest.fixture
def session(url: str) -> Iterator[str]:
    """The session in which the page plays, as at its beginning."""
    yield "page"
    for one in admin(url, "GET", "/playbacks?session=page&state=held")["playbacks"]:
        admin(url, "POST", f"/playbacks/{one['id']}/finish", json={"how": "cut"})
    admin(url, "POST", "/reset", json={"session": "page"})


# Recordings


def test_recordings_are_listed_and_searched(url: str, tab: Tab) -> None:
    page = tab(f"{url}/")
    expect(page).to_have_url(f"{url}/__admin/")
    rows = page.get_by_role("listbox", name="Recordings").get_by_role("option")
    expect(rows.first).to_contain_text("errors/failed")
    expect(page.locator(".row", has_text="errors/rate_limit")).to_contain_text("429")
    expect(page.locator(".row", has_text="errors/failed")).to_contain_text("legal")
    page.keyboard.press("/")
    page.keyboard.type("get_wea")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("2 turns")
    page.get_by_role("searchbox").fill("")
    page.get_by_label("Format").select_option("script")
    expect(rows.first).to_contain_text("scripts/")


def test_the_list_is_used_by_keyboard(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/")
    names = page.get_by_role("listbox", name="Recordings")
    names.focus()
    expect(names.get_by_role("option").first).to_be_visible()
    expect(names).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("heading", level=2, name="errors/rate_limit", exact=True)).to_be_visible()
    expect(names.get_by_role("option", selected=True)).to_contain_text("errors/rate_limit")
    page.keyboard.press("End")
    expect(page.get_by_role("heading", level=2, name="tools/web_search", exact=True)).to_be_visible()
    page.keyboard.press("3")
    expect(page).to_have_url(f"{url}/__admin/#/journal")


def test_a_recording_has_a_timeline_of_its_items_and_parts(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/recordings/reasoning/summary")
    labels = page.locator(".line-label")
    expect(labels).to_have_text(
        ["response", "reasoning", "summary_text", "summary_text 1", "message", "output_text"]
    )
    expect(page.locator(".mark")).to_contain_text("first token 1.62 s")
    expect(page.locator(".track path.bars")).to_have_count(6)
    expect(page.locator("dt", has_text="Longest pause").locator("+ dd")).to_have_text("1.31 s")
    expect(page.get_by_role("table", name="Timeline")).to_be_attached()  # for those who do not see it


def test_turns_are_reached_from_each_other(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/recordings/tools/get_weather")
    page.get_by_role("link", name="Turn 2").click()
    expect(page.get_by_role("heading", level=2, name="tools/get_weather#2", exact=True)).to_be_visible()
    expect(page.locator(".url code")).to_have_text(f"{url}/r/tools/get_weather/turns/2/v1")


def test_events_are_shown_as_they_were_recorded(url: str, tab: Tab, fixtures_server: MockServer) -> None:
    page = tab(f"{url}/__admin/#/recordings/text/hello")
    page.get_by_role("tab", name="Events").click()
    page.get_by_role("listbox", name="Events").get_by_role("option").nth(4).click()
    expect(page.locator(".chosen pre")).to_contain_text('"delta"')
    page.locator(".chosen").get_by_role("button", name="Copy").click()
    expect(page.locator("#toast")).to_have_text("Copied the JSON")
    recording = fixtures_server.store.get("text/hello")
    assert recording is not None
    assert clipboard(page) == recording.events[4].event.text


def test_the_base_url_and_snippets_are_copied(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/recordings/text/hello")
    page.get_by_role("button", name="Copy the base URL").click()
    expect(page.locator("#toast")).to_have_text("Copied the base URL")
    assert clipboard(page) == f"{url}/r/text/hello/v1"
    page.get_by_role("tab", name="Clients").click()
    for name in ("Python", "Node", "curl", "Environment"):
        page.get_by_role("tab", name=name, exact=True).click()
        page.get_by_role("button", name=f"Copy the {name} snippet").click()
        expect(page.locator("#toast")).to_have_text(f"Copied the {name} snippet")
        assert f"{url}/r/text/hello/v1" in clipboard(page)


def test_the_python_snippet_runs(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/recordings/text/hello")
    page.get_by_role("tab", name="Clients").click()
    code = page.locator(".snippet code").text_content()
    said: list[str] = []
    names: dict[str, Any] = {"print": lambda text, **_: said.append(text)}
    exec(code, names)
    names["stream"].close()
    names["client"].close()
    assert "".join(said).startswith("Hello! 👋")


def test_what_a_check_finds_is_told(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/recordings/scripts/cut")
    page.get_by_role("tab", name="Checks (1)").click()
    expect(page.locator(".findings li")).to_contain_text("error")


# Playing


def test_a_recording_is_played_in_the_page(url: str, session: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/recordings/reasoning/summary")
    page.get_by_label("Speed").select_option("100")
    page.get_by_role("button", name="Play").click()
    shown = page.locator(".transcript")
    expect(shown.locator("[data-kind=reasoning]").first).to_contain_text("Working out both arrivals")
    expect(shown.locator("[data-kind=message]")).to_contain_text("The train arrives first")
    expect(page.locator(".player .told")).to_contain_text("ended · 118 events")
    expect(page.get_by_role("button", name="Play")).to_be_enabled()


@pytest.mark.parametrize(
    ("fault", "told"),
    [("abort(after=5)", "broke"), ("no_terminal", "without a terminal event"), ("status(code=503)", "503")],
)
def test_a_recording_is_played_with_faults(fault: str, told: str, url: str, session: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/recordings/text/hello")
    page.get_by_label("Faults").fill(fault)
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".player .told")).to_contain_text(told)


def test_a_play_is_held_and_stepped_in_the_page(url: str, session: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/recordings/text/hello")
    page.get_by_label("Hold", exact=True).select_option("before=response.output_text.delta")
    page.get_by_role("button", name="Play").click()
    step = page.get_by_role("button", name="Step", exact=True)
    step.click()
    expect(page.locator(".transcript .block-text")).to_have_text("Hello")
    expect(page.locator(".ticker li").last).to_contain_text("output_text.delta")
    page.get_by_role("button", name="Release").click()
    expect(page.locator(".player .told")).to_contain_text("ended · 63 events")


def test_a_play_has_the_speed_of_the_session_that_is_chosen(url: str, tab: Tab) -> None:
    admin(url, "PUT", "/clock", json={"session": "fast", "mode": "real", "speed": 1000})
    page = tab(f"{url}/__admin/#/recordings/text/hello")
    page.get_by_label("Session").fill("fast")
    page.get_by_label("Speed").select_option("the session's own")
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".player .told")).to_contain_text("ended")
    assert admin(url, "GET", "/clock?session=fast")["speed"] == 1000
    page.get_by_label("Speed").select_option("100 ×")
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".player .told")).to_contain_text("ended")
    assert admin(url, "GET", "/clock?session=fast")["speed"] == 100
    requests = admin(url, "GET", "/requests?session=fast")["requests"]
    assert [one["recording"] for one in requests] == ["text/hello"] * 2
    admin(url, "DELETE", "/sessions?session=fast")


def test_a_play_is_stopped(url: str, session: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/recordings/text/hello")
    page.get_by_label("Hold", exact=True).select_option("after=response.created")
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Step", exact=True).wait_for()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".player .told")).to_contain_text("stopped by you")


# Live streams


def ask_held(page: Any, name: str = "text/hello", at: str = "after=response.created") -> None:
    """Have the tab ask for a stream that is held, as some other client."""
    page.evaluate(ASK, [name, at])


# Asks as some other client would, and notes what it gets and how that ends.
ASK = """async ([name, at]) => {
    window.said = window.how = "";
    const headers = {"content-type": "application/json", "x-respool-session": "page", "x-respool-hold": at};
    const body = JSON.stringify({model: "m", input: "Hi", stream: true});
    const read = async (response) => {
        const chunks = response.body.pipeThrough(new TextDecoderStream());
        for await (const chunk of chunks) window.said += chunk;
        window.how = "ended";
    };
    fetch(`/r/${name}/v1/responses`, {method: "POST", headers, body}).then(read).catch(() => {
        window.how = "broke";
    });
}"""


def test_a_stream_that_began_before_the_feed_was_open_is_shown(url: str, session: str, tab: Tab) -> None:
    page = tab("about:blank")
    waiting: list[Any] = []
    page.route("**/__admin/events", lambda route: waiting.append(route))
    page.goto(f"{url}/__admin/#/live")
    expect(page.get_by_text("No stream is under way")).to_be_visible()
    ask_held(page)
    admin(url, "GET", "/wait?for=playback.held&session=page")
    expect(page.get_by_role("option")).to_have_count(0)
    waiting[0].continue_()
    expect(page.get_by_role("option").first).to_contain_text("held")


def test_a_live_stream_is_stepped_and_released(url: str, session: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/live")
    ask_held(page)
    page.get_by_role("listbox", name="Live streams").get_by_role("option").first.click()
    expect(page.locator(".head .tag")).to_have_text("held")
    expect(page.locator(".facts")).to_contain_text("1 of 63")
    page.get_by_role("button", name="Step", exact=True).click()
    expect(page.locator(".facts")).to_contain_text("2 of 63")
    expect(page.locator(".row:has(.e-next)")).to_contain_text("output_item.added")
    page.get_by_role("button", name="Step 10").click()
    expect(page.locator(".facts")).to_contain_text("12 of 63")
    expect(page.locator(".transcript")).to_contain_text("Hello! 👋")
    page.get_by_role("button", name="Release").click()
    page.wait_for_function("() => window.how === 'ended' && window.said.includes('response.completed')")
    expect(page.locator(".head .tag")).to_have_text("ended")


@pytest.mark.parametrize(
    ("button", "how", "said"),
    [("Cut", "broke", ""), ("Error", "ended", '"type":"error"'), ("Finish", "ended", "")],
)
def test_a_live_stream_is_ended_by_hand(
    button: str, how: str, said: str, url: str, session: str, tab: Tab
) -> None:
    page = tab(f"{url}/__admin/#/live")
    ask_held(page)
    page.get_by_role("listbox", name="Live streams").get_by_role("option").first.click()
    page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_function("(how) => window.how === how", arg=how)
    assert said in page.evaluate("window.said")


def test_an_event_is_injected(url: str, session: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/live")
    ask_held(page)
    page.get_by_role("listbox", name="Live streams").get_by_role("option").first.click()
    page.get_by_text("Inject an event").click()
    page.get_by_label("The event, as JSON").fill('{"type": "response.unheard_of"}')
    page.get_by_role("button", name="Inject", exact=True).click()
    page.wait_for_function("() => window.said.includes('response.unheard_of')")


def test_1000_live_streams_are_a_list_of_a_few_rows(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/")
    one = {
        "session": "many", "recording": "text/hello", "transport": "sse", "state": "held", "events": 63,
        "sent": 1, "seq_sent": 0, "next": {"seq": 1, "type": "response.in_progress", "due": None},
        "held_at": "after=response.created", "holds": [], "response_id": "resp_1", "started": 0.0,
        "request_id": "req_1", "ended": "",
    }  # fmt: skip
    many = [{**one, "id": f"pb_{number}"} for number in range(1, 1001)]
    page.route("**/__admin/playbacks?*", lambda route: route.fulfill(json={"playbacks": many}))
    page.get_by_role("link", name="Live").click()
    expect(page.locator(".side .told")).to_have_text("1,000 streams, 1,000 held")
    rows = page.get_by_role("listbox", name="Live streams").get_by_role("option")
    assert 5 < rows.count() < 60
    page.get_by_role("listbox", name="Live streams").focus()
    page.keyboard.press("End")
    expect(page).to_have_url(f"{url}/__admin/#/live/pb_1000")


# The journal


def test_requests_appear_as_they_come_and_are_explained(url: str, session: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/journal")
    expect(page.locator("#feed")).to_have_text("connected")
    body = {"model": "gpt-5.2", "input": "What is the weather in Berlin?", "stream": True}
    httpx2.post(f"{url}/v1/responses", json=body)
    httpx2.post(f"{url}/s/page/r/errors/failed/v1/responses", json=body, timeout=60)
    rows = page.get_by_role("listbox", name="Requests").get_by_role("option")
    expect(rows.first).to_contain_text("errors/failed")
    rows.first.click()
    expect(page.locator(".lead")).to_contain_text("Answered by errors/failed")
    expect(page.locator(".json pre")).to_contain_text("What is the weather in Berlin?")
    page.get_by_role("tab", name="Headers").click()
    expect(page.locator(".pairs")).to_contain_text("content-type")
    page.get_by_label("Which requests").select_option("unmatched")
    rows.first.click()
    expect(page.locator(".lead")).to_contain_text("Nothing answered")


def test_what_happens_while_the_list_is_loaded_is_shown(
    recording: Callable[..., Recording], store: Any, serve: Any, tab: Tab
) -> None:
    url = serve(MockServer(store(recording("a"), recording("b"))))
    page = tab(f"{url}/__admin/#/recordings")
    expect(page.locator("#feed")).to_have_text("connected")

    def answer_late(route: Any) -> None:
        listed = route.fetch()
        httpx2.post(f"{url}/v1/responses", json={"model": "m", "input": "Hi"})
        page.wait_for_timeout(300)  # the page hears of it meanwhile
        route.fulfill(response=listed)

    page.route("**/__admin/requests?*", answer_late, times=1)
    with page.expect_response(lambda response: "/requests?limit" in response.url):
        page.goto(f"{url}/__admin/#/journal")
    page.wait_for_timeout(300)  # it has been shown
    rows = page.get_by_role("listbox", name="Requests").get_by_role("option")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("nothing answered")


def test_near_misses_are_shown(recording: Callable[..., Recording], store: Any, serve: Any, tab: Tab) -> None:
    server = MockServer(store(recording("a", request={"model": "m", "input": "Hello"}), recording("b")))
    url = serve(server)
    httpx2.post(f"{url}/v1/responses", json={"model": "m", "input": "Hi"})
    difference = {"pointer": "/input/0/content/0/text", "recorded": "Hello", "received": "<b>Hi</b>"}
    near = {"recording": "a", "turn": 1, "distance": 0.25, "differences": [difference], "whole": True,
            "hint": "in match.yaml, exclude: [/input]", "would_have_sent": None}  # fmt: skip
    (exchange,) = server.journal
    exchange.near = [near, {"stub": "greeting", "failed": ["model is not x"]}]
    page = tab(f"{url}/__admin/#/journal/1")
    page.get_by_role("tab", name="Near misses (2)").click()
    expect(page.locator(".near")).to_contain_text("<b>Hi</b>")
    expect(page.locator(".near")).to_contain_text("To make it match: in match.yaml, exclude: [/input]")
    expect(page.locator(".near")).to_contain_text("Stub greeting")


def test_a_request_is_compared_and_rules_are_copied(
    recording: Callable[..., Recording], store: Any, serve: Any, tab: Tab
) -> None:
    known = {"model": "m", "input": [{"role": "user", "content": "Weather in Oslo?"}], "temperature": 1}
    url = serve(MockServer(store(recording("near", request=known), recording("b"))))
    asked = {"model": "m", "input": [{"role": "user", "content": "Weather in Bern?"}], "temperature": 0.5}
    httpx2.post(f"{url}/v1/responses", json=asked)
    page = tab(f"{url}/__admin/#/journal/1")
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator(".diff td.old").first).to_contain_text("Oslo")
    expect(page.locator(".diff td.new").first).to_contain_text("Bern")
    page.get_by_role("checkbox", name="Leave out /temperature").check()
    page.get_by_role("checkbox", name="Leave out /input/0/content/0/text").check()
    page.get_by_label("any place in lists").check()
    page.get_by_role("button", name="Copy the rules for match.yaml").click()
    expect(page.locator("#toast")).to_have_text("Copied the rules for match.yaml")
    assert clipboard(page) == 'exclude:\n  - "/temperature"\n  - "/input/*/content/*/text"\n'
    expect(page.get_by_role("button", name="Write to match.yaml")).to_be_enabled()


def test_chosen_rules_are_written_to_match_yaml(tmp_path: Path, serve: Any, tab: Tab) -> None:
    request = "{model: m, input: Order ORD-1 came, temperature: 1}"
    (tmp_path / "near.script.yaml").write_text(f"request: {request}\ntext: Yes")
    (tmp_path / "other.script.yaml").write_text("text: No")
    url = serve(MockServer(Store([tmp_path])))
    asked = {"model": "m", "input": "Order ORD-2 came", "temperature": 0.5}
    assert httpx2.post(f"{url}/v1/responses", json=asked).status_code == 404
    page = tab(f"{url}/__admin/#/journal/1")
    page.get_by_role("tab", name="Compare").click()
    write = page.get_by_role("button", name="Write to match.yaml")
    expect(page.get_by_text(f"Writes to {tmp_path / 'match.yaml'}")).to_be_visible()
    expect(write).to_be_disabled()
    page.get_by_role("checkbox", name="Leave out /temperature").check()
    page.get_by_role("checkbox", name="Leave out /input/0/content/0/text").check()
    write.click()
    expect(page.locator("#toast")).to_contain_text("Written to ")
    expect(page.get_by_text(": equal, but for what is masked")).to_be_visible()
    assert httpx2.post(f"{url}/v1/responses", json=asked).status_code == 200
    assert '"/temperature"' in (tmp_path / "match.yaml").read_text()


def test_rules_that_cannot_be_written_are_copied(
    recording: Callable[..., Recording], store: Any, tmp_path: Path, serve: Any, tab: Tab
) -> None:
    known = {"model": "m", "input": "Hi", "temperature": 1}
    store(recording("near", request=known))
    url = serve(MockServer(Store([tmp_path / "near.jsonl"])))
    httpx2.post(f"{url}/v1/responses", json={**known, "temperature": 2})
    page = tab(f"{url}/__admin/#/journal/1")
    page.get_by_role("tab", name="Compare").click()
    expect(page.get_by_text("This server has no folder of its own")).to_be_visible()
    page.get_by_role("checkbox", name="Leave out /temperature").check()
    expect(page.get_by_role("button", name="Write to match.yaml")).to_be_disabled()
    expect(page.get_by_role("button", name="Copy the rules")).to_be_enabled()


# Sessions


def test_sessions_are_reset_and_deleted_and_have_faults(url: str, session: str, tab: Tab) -> None:
    httpx2.post(
        f"{url}/s/checkout/r/errors/failed/v1/responses", json={"model": "m", "input": "Hi"}, timeout=60
    )
    page = tab(f"{url}/__admin/#/sessions")
    card = page.get_by_role("article", name="Session checkout")
    expect(card).to_contain_text("1 request")
    expect(card.locator(".plays")).to_contain_text("errors/failed")
    card.get_by_label("Faults of every answer").fill("abort(after=5)")
    card.get_by_role("button", name="Set", exact=True).click()
    expect(page.locator("#toast")).to_have_text("The faults are set")
    assert admin(url, "GET", "/faults?session=checkout")["faults"] == ["abort(after=5)"]
    card.get_by_label("Clock").select_option("frozen")
    expect(page.locator("#toast")).to_have_text("The clock of checkout is frozen")
    assert admin(url, "GET", "/clock?session=checkout")["mode"] == "frozen"
    card.get_by_role("button", name="Reset").click()
    expect(card).to_contain_text("0 requests")
    card.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)


# Results


def test_recordings_with_findings_are_listed(
    recording: Callable[..., Recording], store: Any, serve: Any, tab: Tab
) -> None:
    bad = recording("bad", [(0.0, "response.output_text.delta")])
    url = serve(MockServer(store(bad, recording("b"))))
    page = tab(f"{url}/__admin/#/results")
    checks = page.get_by_role("region", name="Checks")
    expect(checks.get_by_role("row", name="bad")).to_contain_text("error")
    expect(checks.get_by_role("status")).to_contain_text("2 recordings of 2 checked")
    checks.get_by_role("link", name="bad").click()
    expect(page.get_by_role("heading", level=2, name="bad", exact=True)).to_be_visible()


def report(**fields: Any) -> bytes:
    case = {"name": "abort", "fault": "abort(after=5)", "category": "end", "expected": "notice",
            "verdict": "lied", "bad": True, "reason": EVIL, "seconds": 1.5, "stdout": EVIL}  # fmt: skip
    sound = {**case, "name": "latency", "verdict": "ok", "bad": False, "reason": ""}
    cases = {"totals": {"ok": 1, "lied": 1}, "cases": [case, sound]}
    made = {"recording": "text/hello", "command": ["./client"], "passed": False, "comparable": True}
    made |= {**cases, **fields}
    return json.dumps(made).encode()


def test_the_report_of_a_drill_is_shown_as_text(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/results")
    file = page.get_by_label("Report of respool drill --json")
    file.set_input_files({"name": "drill.json", "mimeType": "application/json", "buffer": report()})
    drill = page.get_by_role("region", name="Drill")
    expect(drill.get_by_role("row", name="abort")).to_contain_text("lied")
    expect(drill).to_contain_text(EVIL)
    expect(drill.get_by_role("row", name="latency")).to_have_count(0)
    drill.get_by_label("only what is bad").uncheck()
    expect(drill.get_by_role("row", name="latency")).to_contain_text("ok")
    page.keyboard.press("1")
    page.keyboard.press("5")
    expect(drill).to_contain_text("1 lied")
    assert page.evaluate("window.pwned") is None
    file = page.get_by_label("Report of respool drill --json")
    file.set_input_files({"name": "x.json", "mimeType": "application/json", "buffer": b"{}"})
    expect(page.get_by_role("alert")).to_have_text("x.json: this is no report of respool drill --json")


# The token


def test_the_page_asks_for_the_token_and_keeps_it_for_the_tab_alone(
    store: Any, recording: Callable[..., Recording], serve: Any, tab: Tab
) -> None:
    url = serve(MockServer(store(recording("a"))), admin_token="secret")
    page = tab(f"{url}/__admin/")
    field = page.get_by_role("textbox", name="Token")
    field.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That token is wrong")).to_be_visible()
    page.get_by_role("textbox", name="Token").fill("secret")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".row").first).to_contain_text("a")
    expect(page.locator("#feed")).to_have_text("connected")
    assert page.evaluate("JSON.stringify(sessionStorage)") == '{"respool-admin-token":"secret"}'
    assert "secret" not in page.evaluate("JSON.stringify(localStorage) + document.cookie + location.href")


def test_a_play_asks_for_the_api_key_where_there_is_one(
    store: Any, recording: Callable[..., Recording], serve: Any, tab: Tab
) -> None:
    url = serve(MockServer(store(recording("a"))), api_keys=["sk-right"])
    page = tab(f"{url}/__admin/#/recordings/a")
    page.get_by_role("button", name="Play").click()
    page.get_by_role("textbox", name="Key").fill("sk-wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("That key is wrong")).to_be_visible()
    page.get_by_role("textbox", name="Key").fill("sk-right")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".player .told")).to_contain_text("ended")
    assert page.evaluate("sessionStorage.getItem('respool-api-key')") == "sk-right"
    page.get_by_label("Faults").fill("status(code=401)")
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".player .told")).to_contain_text("answered with 401")
    expect(page.get_by_role("dialog")).to_have_count(0)


# Untrusted recordings


EVIL = "<script>window.pwned = 1</script><img src=x onerror=window.pwned=1>"


def test_nothing_in_a_recording_becomes_markup(tmp_path: Path, serve: Any, tab: Tab) -> None:
    item = {"type": "function_call", "id": "fc_1", "name": EVIL, "call_id": "c", "arguments": EVIL}
    events = [
        {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": EVIL},
        {"type": EVIL, "delta": EVIL},
        {"type": "response.failed", "response": {"error": {"code": EVIL, "message": EVIL}}},
    ]
    header = {"respool": 1, "note": EVIL, "request": {"model": EVIL, "input": EVIL}}
    name = "<script>window.pwned=1</script>"
    path = tmp_path / f"{name}.jsonl"
    path.parent.mkdir()
    path.write_text("".join(f"{json.dumps(one)}\n" for one in [header, *events]))
    url = serve(MockServer(Store([tmp_path])))
    page = tab(f"{url}/__admin/")
    page.locator(".row").first.click()
    expect(page.get_by_role("heading", level=2, name=name, exact=True)).to_be_visible()
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".transcript [data-kind=message]")).to_contain_text(EVIL)
    expect(page.locator(".player .told")).to_contain_text("ended")
    for tab_name in ("Events", "Clients", "Checks", "Its request"):
        page.get_by_role("tab", name=tab_name).click()
    page.get_by_role("tab", name="Events").click()
    page.locator(".events .row").nth(2).click()
    expect(page.locator(".chosen pre")).to_contain_text(EVIL)
    page.goto(f"{url}/__admin/#/journal/1")
    expect(page.locator(".json pre")).to_contain_text(EVIL)
    assert page.evaluate("window.pwned") is None
    assert page.locator("main script, main img[onerror]").count() == 0


def test_the_policy_stops_what_would_become_markup(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/")
    page.locator(".row").first.wait_for()
    # Trusted types refuse it before anything is parsed.
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>x</b>'")


# Sizes


def test_10000_recordings_are_scrolled_and_searched(
    recording: Callable[..., Recording], store: Any, serve: Any, tab: Tab
) -> None:
    known = store(recording("a"))
    known._added = {name: (recording(name),) for name in (f"many/r{number:05}" for number in range(9999))}
    known._index()
    page = tab(f"{serve(MockServer(known))}/__admin/")
    expect(page.locator(".side .told")).to_have_text("10,000 recordings")
    names = page.get_by_role("listbox", name="Recordings")
    assert names.get_by_role("option").count() < 60
    names.focus()
    page.keyboard.press("End")
    expect(names.get_by_role("option").last).to_contain_text("many/r09998")
    assert names.get_by_role("option").count() < 60
    page.get_by_role("searchbox").fill("r04711")
    expect(names.get_by_role("option")).to_have_count(1)
    names.get_by_role("option").first.click()
    expect(page.get_by_role("heading", level=2, name="many/r04711", exact=True)).to_be_visible()


def test_an_event_of_10_mb_is_cut_until_all_of_it_is_asked_for(
    recording: Callable[..., Recording], store: Any, serve: Any, tab: Tab
) -> None:
    large = "The quick brown fox. " * 500_000
    url = serve(MockServer(store(recording("large", [(0.0, "response.output_text.done", {"text": large})]))))
    page = tab(f"{url}/__admin/#/recordings/large")
    page.get_by_role("tab", name="Events").click()
    page.locator(".events .row").first.click()
    expect(page.locator(".json-bar")).to_contain_text("of 10.0 MB")
    assert len(page.locator(".chosen pre").text_content()) < 5000
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("button", name="Show all")).to_have_count(0)
    assert len(page.locator(".chosen pre").text_content()) > len(large)


@pytest.mark.parametrize(
    "place", ["recordings", "recordings/scripts/every_tool", "live", "journal", "sessions", "results"]
)
def test_nothing_is_wider_than_the_window(place: str, url: str, session: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/{place}")
    for width, height in [(400, 800), (820, 1100), (1300, 900), (3840, 2160)]:
        page.set_viewport_size({"width": width, "height": height})
        page.locator(".row, .welcome, .card, .timeline, .empty, .drill").first.wait_for(state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_narrow_window_has_one_pane_at_a_time(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/")
    page.set_viewport_size({"width": 400, "height": 800})
    page.locator(".row").nth(3).click()
    expect(page.locator(".side")).to_be_hidden()
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator(".side")).to_be_visible()


# Looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("place", "ready"),
    [
        ("recordings", ".row"),
        ("recordings/reasoning/summary", ".timeline"),
        ("live", ".welcome"),
        ("journal/LAST", "article"),
        ("sessions", ".card"),
        ("results", ".drill"),
    ],
)
def test_axe_finds_nothing_serious(
    place: str, ready: str, scheme: str, url: str, session: str, tab: Tab
) -> None:
    if not AXE.is_file():
        pytest.skip("tests/node/node_modules/axe-core is missing: run npm ci in tests/node")
    httpx2.post(f"{url}/v1/responses", json={"model": "m", "input": "Hi"})
    last = admin(url, "GET", "/requests?limit=1000")["requests"][-1]["id"]
    page = tab(f"{url}/__admin/#/{place.replace('LAST', str(last))}", color_scheme=scheme, bypass_csp=True)
    page.locator(ready).first.wait_for()
    page.evaluate(AXE.read_text("utf-8"))
    panes = [
        name
        for name in ("Events", "Clients", "Checks", "Headers")
        if page.get_by_role("tab", name=name).count()
    ]
    for pane in ["", *panes]:
        if pane:
            page.get_by_role("tab", name=pane).first.click()
            page.locator("[role=tabpanel] > *").first.wait_for()
        found = page.evaluate("axe.run({resultTypes: ['violations']})")
        assert [
            (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"][:3]])
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
        ] == [], pane


def test_the_theme_is_chosen_and_kept(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/", color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    button = page.get_by_role("button", name="Theme")
    button.click()
    button.click()
    expect(button).to_have_text("Dark")
    assert page.evaluate(background) != light
    page.reload()
    expect(button).to_have_text("Dark")


def test_a_recording_that_is_not_there_is_told(url: str, tab: Tab) -> None:
    page = tab(f"{url}/__admin/#/recordings/{quote('no such')}")
    expect(page.locator(".problem")).to_contain_text('There is no recording "no such".')
