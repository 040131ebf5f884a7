# Serves the recordings of /fixtures, those of the repository or your own: see docs/docker.md.
# BASE is any slim Debian with Python 3.11 or later, its venv and pip.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
# The dependencies have a layer of their own: a change of the code does not install them again.
COPY pyproject.toml ./
RUN python3 -m venv --without-pip /opt/respool \
    && python3 -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; more = p['optional-dependencies']; print(*p['dependencies'], *more['metrics'], *more['redis'], sep='\n')" > requirements.txt \
    && python3 -m pip --python /opt/respool/bin/python install --no-cache-dir -r requirements.txt
COPY README.md LICENSE ./
COPY fixtures fixtures
COPY app app
RUN python3 -m pip --python /opt/respool/bin/python install --no-cache-dir --no-deps .
# Readable by any user, whatever the umask of the checkout was.
RUN chmod -R a+rX fixtures

FROM ${BASE}
LABEL org.opencontainers.image.title="Respool" \
      org.opencontainers.image.description="Replays recorded Responses API event streams, on time and byte for byte" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/respool /opt/respool
COPY --from=build /src/fixtures /fixtures
ENV PATH=/opt/respool/bin:$PATH \
    RESPOOL_HOST=0.0.0.0 \
    RESPOOL_PATHS=/fixtures \
    RESPOOL_PORT=8080
# The official image ships the standard library without bytecode, and no user of the container can write
# any: what the server imports is compiled here, which saves half a second at each start.
RUN python -c "import uvicorn; from respool.asgi import app"
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["python", "-ISc", "import os, socket; s = socket.create_connection(('127.0.0.1', os.environ['RESPOOL_PORT']), 2); s.sendall(b'GET /healthz HTTP/1.0\\r\\n\\r\\n'); raise SystemExit(b' 200 ' not in s.recv(64))"]
ENTRYPOINT ["respool"]
