"""`newsbeam newsroom`: serve the embedded newsroom."""

from __future__ import annotations

import sys

import click

from pipeline.commands.options import (
    Span,
    option,
)


@click.command(short_help="Serve the embedded newsroom.")
@option("--port", type=click.IntRange(0, 65535), default=8750, show_default=True, help="0: any.")
@option("--outlets", type=int, default=12, show_default=True, help="Outlets that behave.")
@option("--articles", type=int, default=150, show_default=True, help="Articles in all.")
@option("--page-kilobytes", type=int, default=40, show_default=True, help="Weight of a page.")
@option("--latency-ms", type=int, default=0, show_default=True, help="Wait before each answer.")
@option("--seed", type=int, default=7, show_default=True, help="Another seed, other news.")
@option("--kind", is_flag=True, help="Leave out the outlets that misbehave.")
@option("--held", is_flag=True, help="List nothing until a POST to _control/publish/N.")
@option(
    "--publish-every",
    type=Span(),
    metavar="SPAN",
    help="List one article, and one more each so often; implies --held.",
)
@option("--interval", default="15m", show_default=True, help="Of its feeds.")
@option("--json", "as_json", is_flag=True, help="Print the addresses as one line of JSON.")
def newsroom(
    port: int,
    outlets: int,
    articles: int,
    page_kilobytes: int,
    latency_ms: int,
    seed: int,
    kind: bool,
    held: bool,
    publish_every: tuple[str, int] | None,
    interval: str,
    as_json: bool,
) -> None:
    """Serve the embedded newsroom on loopback until it is stopped.

    To watch a stream, let it publish while it is read:

    \b
      newsbeam newsroom --publish-every 2s --interval 10s
    """
    import json

    from pipeline.newsroom import NewsroomServer, NewsroomSettings, serve

    def tell(server: NewsroomServer) -> None:
        feeds = f"{server.base_url}/_control/feeds.yaml"
        if as_json:
            click.echo(json.dumps({"base_url": server.base_url, "feeds": feeds}))
        else:
            click.echo(f"Newsroom at {server.base_url} until Ctrl-C. Read it with:")
            click.echo(f"  curl -o newsroom.yaml {feeds}")
            click.echo("  newsbeam run --feeds newsroom.yaml --allow-private-hosts --host-delay 0")
        sys.stdout.flush()

    every = publish_every[1] if publish_every else None
    settings = NewsroomSettings(
        outlets=outlets,
        articles=articles,
        page_kilobytes=page_kilobytes,
        latency_ms=latency_ms,
        seed=seed,
        unkind=not kind,
        held=held or every is not None,
        interval=interval,
    )
    serve(settings, port, tell, every)
