"""``oomparse schema``: the JSON Schema of an event line."""

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of what --format jsonl writes."""
    import msgspec

    from oomparse.export.schema import json_schema

    click.echo(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2))
