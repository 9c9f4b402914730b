# The server in a container: docker build -t tumorlens . && docker run --rm -p 127.0.0.1:8000:8000 \
#   -e TUMORLENS_TOKEN=$(python3 -c 'import secrets; print(secrets.token_urlsafe())') tumorlens
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /opt/tumorlens && /opt/tumorlens/bin/pip install --no-cache-dir .

FROM python:3.12-slim
COPY --from=build /opt/tumorlens /opt/tumorlens
RUN useradd --system --uid 10001 --no-create-home tumorlens && install -d -o tumorlens -m 0700 /data
USER tumorlens
ENV PATH=/opt/tumorlens/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s CMD \
  ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
STOPSIGNAL SIGINT
# A container is reached from outside, so the server asks for TUMORLENS_TOKEN, and stops without it.
ENTRYPOINT ["tumorlens", "serve", "--host", "0.0.0.0"]
