"""The API reference is a page of the service, and asks nobody else for anything."""

import re

from tests.serving.harness import Service


def test_the_reference_and_everything_that_it_loads_is_served_from_here(service: Service) -> None:
    page = service.client.get("/docs")
    loaded = re.findall(r'(?:src|href)="(?!data:)([^"]+)"', page.text)

    assert page.status_code == 200
    assert loaded == ["docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "docs/start.js"]
    assert [service.client.get(f"/{path}").status_code for path in loaded] == [200, 200, 200]
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert 'url: "openapi.json"' in service.client.get("/docs/start.js").text


def test_no_other_file_of_the_library_is_served(service: Service) -> None:
    assert service.client.get("/docs/redoc.standalone.js").status_code == 404
    assert service.client.get("/docs/%2e%2e%2f__init__.py").status_code == 404
