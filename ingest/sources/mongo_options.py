"""What can be set for the CMDB in MongoDB: what its URI says is not said again here, but for how it is read."""

from __future__ import annotations

from collections.abc import Mapping

from finops.ingest.config.values import check_word, whole

# https://www.mongodb.com/docs/manual/core/read-preference/ and …/reference/read-concern/
READ_PREFERENCES = ("primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest")
READ_CONCERNS = ("local", "available", "majority", "linearizable", "snapshot")

MONGO_OPTIONS = (
    "uri",
    "database",
    "snapshot_field",
    "filter",
    "projection",
    "batch_size",
    "read_preference",
    "read_concern",
)


def check_mongo(section: str, options: Mapping[str, str]) -> None:
    """Whether the options make sense.

    Raises:
        ConfigurationError: for the first that does not.
    """
    whole(f"{section}.batch_size", options.get("batch_size", "1000"), "1000", at_least=1)
    for key, known in (("read_preference", READ_PREFERENCES), ("read_concern", READ_CONCERNS)):
        check_word(f"{section}.{key}", options.get(key, known[0]), known)
