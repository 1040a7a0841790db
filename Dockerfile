# Images are named by digest, which a registry cannot change. To renew one: `docker buildx imagetools inspect IMAGE:TAG`.

FROM rust:1.95-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082 AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock README.md ./
COPY src src
COPY tests tests
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --bin rolewright --example fake-gcp \
    && cp target/dist/rolewright target/dist/examples/fake-gcp /usr/local/bin/

FROM debian:bookworm-slim@sha256:7b140f374b289a7c2befc338f42ebe6441b7ea838a042bbd5acbfca6ec875818 AS base
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
