# syntax=docker/dockerfile:1

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd ./cmd
COPY config ./config
COPY examples ./examples
COPY gateway ./gateway
COPY plugins ./plugins
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/sallyport ./cmd/sallyport

FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="sallyport" \
      org.opencontainers.image.description="Config-driven MCP gateway and reverse proxy" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/sallyport /usr/local/bin/sallyport
WORKDIR /etc/sallyport
USER 65532:65532
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=5s --retries=3 \
  CMD ["/usr/local/bin/sallyport", "healthcheck", "-c", "/etc/sallyport/manifest.yaml"]
ENTRYPOINT ["/usr/local/bin/sallyport"]
CMD ["serve", "-c", "/etc/sallyport/manifest.yaml"]
