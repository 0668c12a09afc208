"""What the description of the API says of every operation: its id, who may call it, how it refuses.

All of it follows from `rechte.csv` and from the operation itself, so that it cannot drift.
"""

import json
import re
from typing import Any

from apispec import APISpec, BasePlugin

from betreiber.auth.domain import Umfang
from betreiber.auth.rechte import Recht, load_rechte
from betreiber.extensions import ProblemSchema

_ARGUMENT = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
# Names of our own: those of http.HTTPStatus change with the version of Python.
_WEIGERUNGEN = {
    400: "The request cannot be read: no JSON in UTF-8, a key twice, NaN.",
    401: "No login: the token is missing, expired or invalid; or name, password or code is wrong.",
    403: "The role may not do this.",
    404: "No such object, or one that belongs to somebody else.",
    409: "The state of the data forbids it; `code` says why.",
    412: "The version in If-Match is not the present one: read again, then repeat the change.",
    413: "The body is larger than 64 KiB, or a file than 5 MB.",
    415: "The body is of another media type than the operation takes.",
    422: "A value is not acceptable; `errors` names the fields.",
    428: "If-Match is missing.",
    429: "Too many failed tries; Retry-After says when to come back.",
    503: "The database is away or busy; Retry-After says when to come back.",
}


class RechtePlugin(BasePlugin):
    """Completes each operation that flask-smorest describes."""

    def init_spec(self, spec: APISpec) -> None:
        """Called when the description is begun."""
        for status, beschreibung in _WEIGERUNGEN.items():
            inhalt = {"application/problem+json": {"schema": ProblemSchema}}
            spec.components.response(
                _component(status), {"description": beschreibung, "content": inhalt}, lazy=True
            )

    def path_helper(
        self,
        path: str | None = None,
        operations: dict[str, Any] | None = None,
        parameters: list[dict[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        """Called once a route, after flask-smorest has described it."""
        regel = kwargs["rule"].rule
        for parameter in parameters or []:
            gemeint = parameter["name"].removesuffix("_id")
            parameter.setdefault("description", f"number of the {gemeint}")
        for methode, operation in (operations or {}).items():
            # A route without a row is check_rechte's business, which names all of them.
            if recht := load_rechte().get((methode.upper(), regel)):
                _complete(operation, methode, regel, recht)


def describe(spec: APISpec) -> str:
    """The description as it is committed: sorted, so that a change shows as one."""
    return json.dumps(spec.to_dict(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _complete(operation: dict[str, Any], methode: str, regel: str, recht: Recht) -> None:
    operation["operationId"] = _operation_id(methode, regel)
    operation["security"] = [] if recht.offen else [{"token": []}]
    if not recht.offen:
        eigene = {rolle for rolle, umfang in recht.rollen.items() if umfang is Umfang.EIGENE}
        rollen = ", ".join(f"{rolle} (own)" if rolle in eigene else rolle for rolle in recht.rollen)
        saetze = [operation.get("description"), f"Roles: {rollen}."]
        operation["description"] = "\n\n".join(satz for satz in saetze if satz)
    # The library's entries for refusals give way to ours, its `default` to the exact list.
    erfolge = {status: antwort for status, antwort in operation["responses"].items() if str(status)[0] == "2"}
    weigerungen = {str(status): _component(status) for status in _refusals(operation, methode, regel, recht)}
    operation["responses"] = {**erfolge, **weigerungen}


def _component(status: int) -> str:
    return f"Weigerung{status}"


def _operation_id(methode: str, regel: str) -> str:
    teile = _ARGUMENT.sub(r"by_\1", regel).split("/")
    return "_".join([methode, *(teil for teil in teile if teil not in ("", "v1"))])


def _refusals(operation: dict[str, Any], methode: str, regel: str, recht: Recht) -> set[int]:
    """The statuses with which an operation may refuse."""
    status = {503}
    if not recht.offen:
        status |= {401, 403}
    if "<" in regel:
        status |= {404}
    if methode != "get":
        status |= {409}
    if "requestBody" in operation:
        status |= {400, 413, 415, 422}
        if "anmeldung" in operation["tags"]:  # passwords and codes: wrong ones, and too many of them
            status |= {401, 429}
    orte = {parameter["in"] for parameter in operation.get("parameters", [])}
    if "query" in orte:
        status |= {422}
    if "header" in orte:  # If-Match
        status |= {412, 428}
    return status
