# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Overlapping chunks: every frame exactly once; with enough overlap what the encoder gives for the whole utterance."""

import pytest
import torch
from torch import Tensor, nn

from nemo.collections.asr.modules import ConformerEncoder

from nemo_noise.inference.streaming.chunked import ChunkPlan, ChunkStream, encode_in_chunks
from nemo_noise.modules import Wav2Vec2Encoder
from tests.contracts import fill_padding
from tests.modules.test_contracts import BANDS, TINY_CONFORMER
from tests.wav2vecs import our_arguments


class Naming(nn.Module):
    """An encoder without context whose frame at each hop is the number of the input where it begins."""

    def __init__(self, hop: int, span: int) -> None:
        super().__init__()
        self.subsampling_factor, self.receptive_field = hop, span

    def forward(self, audio_signal: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        frames = ((length - self.receptive_field) // self.subsampling_factor + 1).clamp_min(1)
        return audio_signal[:, :, :: self.subsampling_factor], frames


@pytest.mark.parametrize(("hop", "span"), [(4, 1), (4, 7), (1, 3)])
@pytest.mark.parametrize("plan", [ChunkPlan(1, 0, 0), ChunkPlan(3, 2, 1), ChunkPlan(5, 0, 4), ChunkPlan(2, 9, 0)])
def test_every_frame_is_given_exactly_once_whatever_the_pieces(hop: int, span: int, plan: ChunkPlan) -> None:
    generator = torch.Generator().manual_seed(0)
    for num_inputs in (1, span, span + hop, 41, 64, 67):
        numbers = torch.arange(num_inputs, dtype=torch.float).unsqueeze(0)  # [1, T]
        stream, given = ChunkStream(Naming(hop, span), plan), []
        position = 0
        while position < num_inputs:
            size = int(torch.randint(1, 12, (), generator=generator))
            given.append(stream.push(numbers[:, position : position + size]))
            position += size
        given.append(stream.close())
        frames = torch.cat([part for part in given if part is not None], dim=1)[0]
        count = max(1, (num_inputs - span) // hop + 1)
        assert frames.tolist() == [hop * frame for frame in range(count)] and stream.num_frames == count
        assert stream.close() is None


def test_a_chunk_is_given_as_soon_as_its_latency_has_been_heard() -> None:
    stream = ChunkStream(Naming(4, 7), ChunkPlan(chunk=3, left=2, right=1))
    assert stream.latency == (3 - 1 + 1) * 4 + 7
    assert stream.push(torch.zeros(1, stream.latency - 1)) is None
    first = stream.push(torch.zeros(1, 1))
    assert first is not None and first.shape == (1, 3)
    assert stream.push(torch.zeros(1, 3 * 4 - 1)) is None and stream.push(torch.zeros(1, 1)) is not None


def _wav2vec() -> tuple[Wav2Vec2Encoder, Tensor, Tensor, int]:
    """Front end and positional convolution, which hears 8 frames to each side; no attention."""
    torch.manual_seed(0)
    encoder = Wav2Vec2Encoder(**our_arguments("large", n_layers=0, mask_time_prob=0.0)).eval()
    length = torch.tensor([16000, 11111])
    return encoder, fill_padding(0.3 * torch.randn(2, 1, 16000), length, 0.0), length, 8


def _conformer() -> tuple[ConformerEncoder, Tensor, Tensor, int]:
    """Two layers that each attend to 4 frames and convolve over 4 to each side, and a subsampling that hears 1."""
    torch.manual_seed(0)
    encoder = ConformerEncoder(**(TINY_CONFORMER | {"att_context_size": [4, 4]})).eval()
    length = torch.tensor([640, 433])
    return encoder, fill_padding(torch.randn(2, BANDS, 640), length, 0.0), length, 17


@pytest.mark.parametrize("kind", ["wav2vec", "conformer"])
def test_with_enough_overlap_the_frames_are_those_of_the_whole_utterance(kind: str) -> None:
    encoder, audio_signal, length, reach = _wav2vec() if kind == "wav2vec" else _conformer()
    with torch.no_grad():
        whole, whole_length = encoder(audio_signal=audio_signal, length=length)
        for plan in (ChunkPlan(10, reach, reach), ChunkPlan(4, reach + 3, reach)):
            chunked, chunked_length = encode_in_chunks(encoder, audio_signal, length, plan=plan)
            assert torch.equal(chunked_length, whole_length)
            for index, valid in enumerate(whole_length.tolist()):
                assert (chunked[index, :, :valid] - whole[index, :, :valid]).abs().max() < 1e-5
                assert chunked[index, :, valid:].abs().sum() == 0
        less, _ = encode_in_chunks(encoder, audio_signal, length, plan=ChunkPlan(10, 1, 1))
    assert (less - whole)[0].abs().max() > 1e-3


def test_frames_of_full_attention_come_closer_with_more_overlap() -> None:
    torch.manual_seed(0)
    encoder = Wav2Vec2Encoder(**our_arguments("large", mask_time_prob=0.0)).eval()
    audio_signal, length = 0.3 * torch.randn(1, 1, 16000), torch.tensor([16000])
    with torch.no_grad():
        whole, _ = encoder(audio_signal=audio_signal, length=length)
        errors = []
        for overlap in (0, 10, 50):
            chunked, _ = encode_in_chunks(encoder, audio_signal, length, plan=ChunkPlan(10, overlap, overlap))
            errors.append(float((chunked - whole).abs().mean()))
    assert errors[0] > errors[1] > errors[2] and errors[2] < 1e-6


def test_what_does_not_fit_is_refused_by_name_and_value() -> None:
    with pytest.raises(ValueError, match=r"plan=ChunkPlan\(chunk=0, left=1, right=1\) must have at least 1 frame"):
        ChunkStream(Naming(4, 7), ChunkPlan(0, 1, 1))
    stream = ChunkStream(Naming(4, 7), ChunkPlan(3, 0, 0), frame_hop=2, frame_span=7)
    with pytest.raises(ValueError, match="frame_hop=2 and frame_span=7 do not fit the encoder: it gives 2 of the 3"):
        stream.push(torch.zeros(1, 40))
