"""The docker SDK's client, with one habit of its HTTP library mended."""

from __future__ import annotations

from typing import Any

import docker


class _Api(docker.APIClient):
    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """As requests does, but the engine's own authority (DOCKER_CERT_PATH) goes before
        REQUESTS_CA_BUNDLE, which requests prefers to what a session was told (requests#3829).
        """
        chosen = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, chosen, cert)


class Client(docker.DockerClient):
    """``docker.DockerClient``, that trusts the authority that it was told."""

    def __init__(self, **arguments: Any) -> None:
        self.api = _Api(**arguments)
