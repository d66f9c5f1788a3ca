# The same service as `make run`, from the same locked versions.
FROM python:3.13.9-slim-bookworm AS build
WORKDIR /source
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/build && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/build.txt
RUN python -m venv /opt/cordon && /opt/cordon/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY rules/ rules/
COPY service/ service/
RUN /opt/build/bin/python -m pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels .
RUN /opt/cordon/bin/python -m pip install --no-index --no-deps --find-links /wheels cordon

FROM python:3.13.9-slim-bookworm
COPY --from=build /opt/cordon /opt/cordon
COPY demo/ /data/
ENV PATH=/opt/cordon/bin:$PATH PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8080, timeout=2); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
CMD ["cordon", "serve", "--data", "/data", "--host", "0.0.0.0", "--port", "8080"]
