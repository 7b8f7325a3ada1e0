"""Makes what a list of parts gives, each thing once, after what it needs; refuses what is missing, given twice or circular."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from chappe.homeserver.part import End, Job, Loop, Maker, Part
from chappe.homeserver.sync.section import Sections

T = TypeVar("T")
Kind = Any  # a type, as annotations name it
Needs = Mapping[str, tuple[Kind, bool]]  # by parameter: (the type, whether the node can do without it)


class AssemblyError(Exception):
    """The list of parts does not make a node; the words show the path from a part to what it lacks."""


@functools.cache
def needs_of(maker: Callable[..., Any]) -> Needs:
    """What a maker's parameters name. `X | None` is a need that may be missing; a parameter with a default needs nothing."""
    function = maker.__init__ if inspect.isclass(maker) else maker
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    return {p.name: _need(hints[p.name]) for p in parameters if p.name in hints and p.default is p.empty}  # self has no hint


def _need(hint: Kind) -> tuple[Kind, bool]:
    if isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint):
        (kind,) = (arg for arg in typing.get_args(hint) if arg is not type(None))
        return kind, True
    return hint, False


def given_by(maker: Maker) -> Kind:
    """The type under which others name what a maker makes."""
    return maker if inspect.isclass(maker) else typing.get_type_hints(maker)["return"]


class Assembly:
    """`given`: what is there before any part. Nothing is made before `of` or `call` asks for it."""

    def __init__(self, parts: Sequence[Part], given: Mapping[Kind, object]) -> None:
        self._parts, self._made = parts, dict(given)
        self._makers: dict[Kind, Maker] = {}
        for part in parts:
            for maker in part.gives:
                kind = given_by(maker)
                if kind in self._makers or kind in given:
                    raise AssemblyError(f"{part.name}: {_name(kind)} is given by somebody else already")
                self._makers[kind] = maker
        replaced: set[Kind] = set()
        for part in parts:
            for maker in part.replaces:
                if (kind := given_by(maker)) not in self._makers or kind in replaced:
                    raise AssemblyError(f"{part.name}: nobody gives {_name(kind)}, or somebody else replaces it")
                self._makers[kind] = maker
                replaced.add(kind)
        self.check()

    def check(self) -> None:
        """Follows every need by types alone. Raises AssemblyError."""
        known = {*self._made, Sections}
        for part in self._parts:
            for maker in part.makers:
                self._follow(maker, (f"the part {part.name}",), known)

    def _follow(self, maker: Maker, path: tuple[object, ...], known: set[Kind]) -> None:
        here = (*path, maker)
        if maker in path:
            raise AssemblyError(f"a circle: {_path(here)}")
        for kind, is_optional in needs_of(maker).values():
            if kind in known:
                continue
            if kind in self._makers:
                self._follow(self._makers[kind], here, known)
                known.add(kind)
            elif not is_optional:
                raise AssemblyError(f"nobody gives {_name(kind)}: {_path(here)}")

    def of(self, kind: type[T]) -> T:
        """What is given under a type; made now, with all that it needs, if it was not."""
        return self._of(kind)  # type: ignore[no-any-return]

    def find(self, kind: type[T]) -> T | None:
        """The same; None where nobody gives it."""
        return self._of(kind) if kind in self._made or kind in self._makers else None

    def _of(self, kind: Kind) -> Any:
        if kind not in self._made:
            if kind is Sections:
                self._made[kind] = Sections(self.call(s) for part in self._parts for s in part.sections)
            else:
                self._made[kind] = self.call(self._makers[kind])
        return self._made[kind]

    def make(self) -> None:
        """Makes all that the parts give, whether or not anybody names it: whatever registers with what is given does it now."""
        for kind in self._makers:
            self._of(kind)

    def endpoints(self) -> list[object]:
        """The objects that answer requests, in the order of the list."""
        return [self.call(maker) for part in self._parts for maker in part.endpoints]

    async def start(self) -> None:
        """Does what must be done before the node serves anybody, in the order of the list."""
        for start in filter(None, (part.starts for part in self._parts)):
            await self.call(start)

    def work(self) -> list[Loop | Job]:
        """What runs while the node does."""
        return [work for runs in filter(None, (part.runs for part in self._parts)) for work in self.call(runs)]

    def ends(self) -> dict[str, End]:
        """By its name, what ends a way by which accounts act."""
        return dict(end for ends in filter(None, (part.ends for part in self._parts)) for end in self.call(ends).items())

    def measure(self) -> None:
        """Adds the figures of every part."""
        for measure in filter(None, (part.measures for part in self._parts)):
            self.call(measure)

    async def close(self) -> None:
        """Ends what is under way, the latest part first."""
        for close in filter(None, (part.closes for part in reversed(self._parts))):
            await self.call(close)

    def call(self, maker: Callable[..., T]) -> T:
        """Calls a class or function with what its parameters name."""
        needs = needs_of(maker)
        return maker(
            **{
                name: None if optional and kind not in self._makers and kind not in self._made else self._of(kind)
                for name, (kind, optional) in needs.items()
            }
        )


def _name(thing: Any) -> str:
    return getattr(thing, "__qualname__", str(thing))


def _path(things: tuple[object, ...]) -> str:
    return " > ".join(map(_name, things))
