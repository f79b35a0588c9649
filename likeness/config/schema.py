"""The base of every configuration model: frozen, closed to unknown keys, its own documentation.

Owns what a single model promises. Layers (files, environment, command line) are ``resolve.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class ConfigModel(BaseModel):
    """A frozen group of settings. The string under a field is its help.

    Unknown keys, NaN and infinity are refused, and ``true`` is not taken for the number 1. A
    validator that finds settings in conflict names them in single quotes, as in
    ``"expected one of 'steps' and 'epochs'"``: the report of a resolution then adds the value and
    the origin of each.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_not_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse booleans where only numbers are meant: lax coercion would turn ``true`` into 1."""
        field = cls.model_fields.get(info.field_name or "")
        if field is None or not _holds_boolean(value):
            return value
        leaves = leaf_types(field.annotation)
        if bool not in leaves and leaves & {int, float}:
            raise ValueError(f"expected a number, found {str(value).lower()}")
        return value

    def replace(self, **changes: Any) -> Self:
        """A validated copy with some fields changed.

        A dict given for a nested model or for a mapping changes only the keys it names; anything
        else (a model, a list, a number) replaces the field as a whole.

        Raises:
            pydantic.ValidationError: a change names an unknown field or breaks a rule.
        """
        values: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        for name, change in changes.items():
            values[name] = _merged(values.get(name), change)
        return type(self).model_validate(values)


def exactly_one(*names: str) -> dict[str, Any]:
    """JSON Schema of a model in which one of some settings is given, and the others are null.

    For ``json_schema_extra`` of a model whose validator says the same.
    """
    # anyOf: in a change of such a model nothing is required, and naming none of them is sound.
    return {
        "anyOf": [
            {
                "required": [given],
                "properties": {
                    name: {"not": {"type": "null"}} if name == given else {"type": "null"}
                    for name in names
                },
            }
            for given in names
        ]
    }


def _merged(current: Any, change: Any) -> Any:
    if not isinstance(change, Mapping):
        return change
    if isinstance(current, ConfigModel):
        return current.replace(**change)
    if isinstance(current, Mapping):
        return {**current, **{key: _merged(current.get(key), new) for key, new in change.items()}}
    return dict(change)


def _holds_boolean(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return any(isinstance(item, bool) for item in value)
    return isinstance(value, bool)


def leaf_types(annotation: Any) -> set[Any]:
    """The types an annotation ends in: ``Mapping[str, float | Ramp]`` gives ``{float, Ramp}``.

    Keys of mappings and the metadata of ``Annotated`` are not values and are left out; the choices
    of a ``Literal`` count by their type.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if not arguments:
        return {annotation}
    if origin is Literal:
        return {type(choice) for choice in arguments}
    if origin is Annotated:
        return leaf_types(arguments[0])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return leaf_types(arguments[1])
    return set().union(*(leaf_types(item) for item in arguments if item is not Ellipsis))
