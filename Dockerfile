# syntax=docker/dockerfile:1
# All programs in one small image: `scrum-worker` (the default), `scrum` and `scrum-web`.

FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# The caches stay on the builder and speed up the next build; the programs are copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked -p scrum-producer -p scrum-fleet -p scrum-web \
    && install -D -t /out target/release/scrum target/release/scrum-worker target/release/scrum-web

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap ca-certificates git \
    && rm -rf /var/lib/apt/lists/* \
    # Repositories are mounted from the host and belong to its users, not to ours.
    && git config --system --add safe.directory '*' \
    && useradd --uid 10001 --home-dir /var/lib/scrum-fleet --create-home scrum
COPY --from=build /out/ /usr/local/bin/
ENV SCRUM_STATE_DIR=/var/lib/scrum-fleet
USER scrum
WORKDIR /var/lib/scrum-fleet
# A library that this image lacks shows here, not in production.
RUN scrum --version && scrum-worker --version && scrum-web --version
CMD ["scrum-worker"]
