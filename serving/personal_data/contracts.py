"""What the erasure of an organisation answers."""

from pydantic import AwareDatetime, BaseModel


class Erasure(BaseModel):
    """Rows that went and rows that the law wants kept, by table."""

    organization_id: str
    erased_at: AwareDatetime
    erased: dict[str, int]
    kept: dict[str, int]
