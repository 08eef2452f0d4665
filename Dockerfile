# Two images. A base by digest works for both: --build-arg BASE_IMAGE=python@sha256:...
#
#   sandbox   what submissions run in: an interpreter, the packages that they may use, and the worker; nothing else of the
#             grader. `grade` builds it on first use; `make image` where no registry is reached (scripts/make_image.sh)
#   grader    the grader itself, for CI runners; it talks to the host's engine (docs/pipelines.md):
#             docker build --target grader -t ml-screen-grader .
#
# What changes rarely comes first, so that a change of the worker rebuilds in seconds. A folder `wheels` beside this
# file, if there is one, is all that pip sees: in it what the sandbox needs, in wheels/grader the rest of the grader.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS packages
# Of torch's builds for Linux the one for CPUs is enough: name the index that has it, or the default index's is taken.
ARG EXTRA_INDEX_URL=""
RUN python3 -m venv /opt/venv
COPY constraints.txt wheel[s]/*.whl /build/
RUN if ls /build/*.whl >/dev/null 2>&1; then index="--no-index --find-links /build"; \
    else index="${EXTRA_INDEX_URL:+--extra-index-url $EXTRA_INDEX_URL}"; fi \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --only-binary :all: $index \
       -c /build/constraints.txt torch==2.13.0 numpy==2.4.6 safetensors==0.8.0 pytest==9.2.0 \
    && /opt/venv/bin/python -m pip uninstall -y pip

FROM ${BASE_IMAGE} AS sandbox
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin
# No shell, compiler, package manager or set-user-id program is left: the interpreter is the only program inside.
RUN mkdir /submission \
    && find / -xdev -type d -name ensurepip -prune -exec rm -rf {} + \
    && find / -xdev -type d -path '*-packages/pip*' -prune -exec rm -rf {} + \
    && rm -rf /usr/lib/apt /usr/lib/dpkg /var/lib/apt /var/lib/dpkg /var/cache/apt /etc/apt /etc/cron.daily /usr/share/bug \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && find /bin/ /sbin/ /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin ! -type d \
       \( -name '*-config' -o ! -name 'python3*' \) -delete
COPY grader/__init__.py grader/wire.py /opt/grader/grader/
COPY grader/worker/*.py /opt/grader/grader/worker/
USER 65534:65534
WORKDIR /tmp
CMD ["python3", "-I", "/opt/grader/grader/worker/__main__.py"]

FROM packages AS programs
COPY . /build
RUN if ls /build/wheels/*.whl >/dev/null 2>&1; then \
       index="--no-index --find-links /build/wheels --find-links /build/wheels/grader"; fi \
    && /opt/venv/bin/python -m ensurepip \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check ${index:-} -c /build/constraints.txt /build \
    && /opt/venv/bin/python -m pip uninstall -y pip

FROM ${BASE_IMAGE} AS grader
COPY --from=programs /opt/venv /opt/venv
RUN ln -s /opt/venv/bin/grade /opt/venv/bin/grader /usr/local/bin/
WORKDIR /work
ENTRYPOINT ["grade"]
CMD ["--help"]
