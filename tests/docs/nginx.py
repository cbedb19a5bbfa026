# SPDX-License-Identifier: Apache-2.0
"""nginx with the configuration of a page, for curl alone."""

from __future__ import annotations

import re
import socket
import subprocess
from typing import TYPE_CHECKING

from tests.server.running import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.running import Server


class Nginx:
    """nginx in front of a server, at a socket that curl finds by its `.curlrc`.

    Args:
        folder: for its files; curl's, if that is CURL_HOME.
        configuration: with a `server` that listens on 443. Its place, its certificate and the
            address behind it are replaced.
        server: what is behind it.
    """

    def __init__(self, folder: Path, configuration: str, server: Server) -> None:
        self.place = folder / "nginx.sock"
        name = re.findall(r"server_name (\S+);", configuration)[0]
        key, certificate = folder / "nginx.key", folder / "nginx.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        command += ["-keyout", str(key), "-out", str(certificate), "-subj", f"/CN={name}"]
        command += ["-addext", f"subjectAltName=DNS:{name}"]
        subprocess.run(command, check=True, capture_output=True, timeout=600)
        for pattern, ours in (
            (r"listen 443\b", f"listen unix:{self.place}"),
            (r"ssl_certificate .+;", f"ssl_certificate {certificate};"),
            (r"ssl_certificate_key .+;", f"ssl_certificate_key {key};"),
            (r"http://127\.0\.0\.1:8080", server.url),
        ):
            configuration, count = re.subn(pattern, ours, configuration)
            assert count == 1, pattern
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = [f"{kind}_temp_path {folder}/nginx-{kind};" for kind in kinds]
        file = folder / "nginx.conf"
        file.write_text(
            f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;\n"
            f"events {{}}\nhttp {{ access_log off; {' '.join(places)}\n{configuration}}}\n"
        )
        (folder / ".curlrc").write_text(
            f'unix-socket = "{self.place}"\ncacert = "{certificate}"\nfail\nsilent\n'
        )
        self.process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(file)])
        wait_for(self._listens)

    def _listens(self) -> bool:
        assert self.process.poll() is None
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.place)) == 0

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
