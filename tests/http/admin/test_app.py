from collections.abc import Callable
from typing import Any

import pytest

Admin = Callable[..., Any]


def test_the_description_has_an_example_of_each_answer_and_body(admin: Admin) -> None:
    document = admin().get("/__admin/openapi.json").json()
    assert {"/requests", "/verify", "/wait", "/events", "/recordings/{name}", "/faults", "/sessions"} <= set(
        document["paths"]
    )
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            assert operation["tags"], (method, path)
    schemas = document["components"]["schemas"]
    taken = [
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for operations in document["paths"].values()
        for operation in operations.values()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    assert taken
    for name in taken:
        assert "example" in schemas[name], name


@pytest.mark.parametrize(("token", "schemes"), [(None, set()), ("secret", {"HTTPBearer"})])
def test_its_page_asks_for_the_token_where_there_is_one(
    token: str | None, schemes: set[str], admin: Admin
) -> None:
    document = admin(admin_token=token).get("/__admin/openapi.json").json()
    assert set(document["components"].get("securitySchemes", ())) == schemes


def test_its_page_needs_no_network(admin: Admin) -> None:
    client = admin()
    page = client.get("/__admin/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    assert "/__admin/docs/assets/swagger-ui-bundle.js" in page.text
    assert client.get("/__admin/docs/assets/swagger-ui-bundle.js").status_code == 200


def test_the_description_of_the_api_itself_has_none_of_it(admin: Admin) -> None:
    paths = admin().get("/openapi.json").json()["paths"]
    assert not [path for path in paths if "admin" in path]


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("DELETE", 404)])
def test_what_is_not_there_leads_to_the_description(method: str, status: int, admin: Admin) -> None:
    answer = admin().request(method, "/__admin/nothing")
    assert answer.status_code == status
    assert answer.json()["error"]["message"] == (
        f"The admin API has no {method} /__admin/nothing; /__admin/docs lists what it has."
    )


def test_a_method_that_is_not_there_says_which_are(admin: Admin) -> None:
    answer = admin().get("/__admin/verify")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
