# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock README.md ./
COPY src src
COPY tests tests
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --bin rolewright --example fake-gcp \
    && cp target/dist/rolewright target/dist/examples/fake-gcp /usr/local/bin/

FROM debian:bookworm-slim AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
USER 65534:65534

# For tests and docker-compose.yml: it knows no caller and keeps everything in memory.
FROM base AS fake-gcp
COPY --from=build /usr/local/bin/fake-gcp /usr/local/bin/fake-gcp
ENTRYPOINT ["fake-gcp"]
CMD ["--listen", "127.0.0.1:8080"]

FROM base AS rolewright
COPY --from=build /usr/local/bin/rolewright /usr/local/bin/rolewright
WORKDIR /rolewright
ENTRYPOINT ["rolewright"]
CMD ["--help"]
