"""Makes one OpenAPI file of the specification's many: `python tests/conformance/bundle.py SPECIFICATION_DATA_FOLDER`.

The folder is `data` of a checkout of matrix-org/matrix-spec (Apache-2.0). Prose and examples are left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

PROSE = {
    "description",
    "example",
    "examples",
    "summary",
    "title",
    "x-changedInMatrixVersion",
    "x-addedInMatrixVersion",
    "x-weight",
}
OUT = Path(__file__).with_name("client_server_api.json")
METHODS = ("get", "put", "post", "delete")


def resolve(value: Any, base: Path, seen: tuple[str, ...] = (), names: bool = False) -> Any:
    """`names`: the keys of this object are names of properties, not keywords."""
    if isinstance(value, list):
        return [resolve(item, base, seen) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value and not names:
        file, _, pointer = value["$ref"].partition("#")
        path = (base.parent / file).resolve() if file else base
        key = f"{path}#{pointer}"
        if key in seen:
            return {}  # a ring: anything goes
        target: Any = yaml.safe_load(path.read_text())
        for part in filter(None, pointer.split("/")):
            target = target[part]
        return resolve(target, path, (*seen, key))
    return {
        key: resolve(item, base, seen, names=key in ("properties", "patternProperties") and not names)
        for key, item in value.items()
        if names or key not in PROSE
    }


def main() -> None:
    folder = Path(sys.argv[1]) / "api" / "client-server"
    paths: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("*.yaml")):
        document = yaml.safe_load(file.read_text())
        servers = document.get("servers") or [{}]
        base = servers[0].get("variables", {}).get("basePath", {}).get("default", "")
        for path, item in document.get("paths", {}).items():
            for method in METHODS:
                if method in item:
                    operation = resolve(item[method], file)
                    operation.pop("tags", None)
                    operation["security"] = operation.get("security", [])
                    paths.setdefault(base + path, {})[method] = operation
    schemes = {
        name: {"type": "http", "scheme": "bearer"}
        for name in (
            "accessTokenBearer",
            "accessTokenQuery",
            "signedRequest",
            "appserviceAccessTokenBearer",
            "appserviceAccessTokenQuery",
        )
    }
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "Client-Server API", "version": "1.19"},
        "paths": paths,
        "components": {"securitySchemes": schemes},
    }
    OUT.write_text(json.dumps(whole, separators=(",", ":"), sort_keys=True, default=str) + "\n")


if __name__ == "__main__":
    main()
