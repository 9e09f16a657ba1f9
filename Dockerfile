# The installer: the Job's program, the command line and helm on a base without a shell. Needs no network but for the
# two base images: `npm run image` lays out `.image/`, which is the whole build context.
#
#   npm run image && docker build --tag diolkos .
#   npm run image && buildah bud --tag diolkos --build-arg TARGETARCH=amd64 .

ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${NODE_IMAGE} AS node

FROM ${BASE_IMAGE}
# amd64 or arm64; docker build and buildah --platform set it.
ARG TARGETARCH
ARG VERSION=0.0.0
ARG REVISION=unknown

LABEL org.opencontainers.image.title="diolkos" \
      org.opencontainers.image.description="Carries Helm applications across an air gap: the installer Job and the command line" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# What seldom changes comes first, so that a new version shares those layers with the one before.
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY .image/helm/${TARGETARCH}/helm /usr/local/bin/helm
COPY .image/bin/ /usr/local/bin/
COPY .image/app/dist/ /app/dist/

# The root file system may be read-only: helm and node write below /tmp, where the Job mounts an emptyDir.
# Two arenas of malloc instead of eight a core: the threads' own take 20 MB more and no time less.
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    HOME=/tmp \
    HELM_CACHE_HOME=/tmp/helm/cache \
    HELM_CONFIG_HOME=/tmp/helm/config \
    HELM_DATA_HOME=/tmp/helm/data
WORKDIR /app
USER 65532:65532

# The Job's program unless told otherwise; the command line is `/usr/local/bin/diolkos`.
ENTRYPOINT ["/usr/local/bin/node"]
CMD ["/app/dist/job.js"]
