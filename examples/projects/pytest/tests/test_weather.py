import openai
import pytest

from weather import ask, say


@pytest.mark.respool("text/hello")
def test_an_answer_is_streamed(respool):
    pieces = list(say("Say hello"))
    assert len(pieces) > 1
    assert "".join(pieces).startswith("Hello! 👋 A café")
    assert respool.requests.last.input_text == "Say hello"


@pytest.mark.respool("tools/get_weather", strict="all")
def test_the_tool_is_called_and_its_output_goes_back(respool):
    assert ask("What is the weather in Paris now?").startswith("It is 18 °C in Paris")
    first, second = respool.requests
    assert not first.tool_outputs
    [output] = second.tool_outputs
    assert output.name == "get_weather"
    assert "light rain" in output.text


@pytest.mark.respool("text/hello", fault="status(code=503, times=2, retry_after_ms=1)")
def test_a_failure_is_tried_again(respool):
    assert "".join(say("Say hello")).startswith("Hello!")
    respool.assert_called(times=3)


@pytest.mark.respool("text/hello", fault="abort(after=8)")
def test_a_stream_that_is_cut_is_no_answer(respool):
    with pytest.raises(openai.APIConnectionError):
        list(say("Say hello"))
