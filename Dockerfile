# NVIDIA's container of NeMo Speech 3.0.0 brings CUDA, torch, NeMo, apex and Transformer Engine, built for each other.
# Only our package and jiwer are added: nothing of NVIDIA's stack may be replaced.
#
#   docker build -t nemo-noise .
#   docker run --rm -it --gpus all --shm-size=8g -v "$PWD/data:/data" nemo-noise
#
# Not verified: this file was written without a machine that can pull the image (its tag is from NeMo's README), and
# the image asks for a driver of the CUDA 13 generation.
ARG BASE=nvcr.io/nvidia/nemo-speech:26.07.00
FROM ${BASE}

WORKDIR /workspace/nemo_noise
COPY . .
RUN (python -m pip --version || python -m ensurepip) \
    && python -m pip install --no-cache-dir --no-deps --constraint constraints.txt jiwer rapidfuzz \
    && python -m pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && python -c "import nemo_noise, nemo; print(nemo_noise.__version__, nemo.__version__)"

# Training needs no root. Numba and matplotlib cache in the home folder.
RUN useradd --create-home --uid 10001 nemo_noise && chown -R nemo_noise /workspace/nemo_noise
USER nemo_noise

CMD ["bash"]
