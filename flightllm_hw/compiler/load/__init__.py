# SPDX-License-Identifier: Apache-2.0
"""Loading models: llama2.c, Hugging Face and GGUF to one description, tensors and a tokenizer."""

from flightllm_hw.compiler.load.checkpoint import Checkpoint
from flightllm_hw.compiler.load.config import ModelConfig
from flightllm_hw.compiler.load.errors import LoadError
from flightllm_hw.compiler.load.loading import load
from flightllm_hw.compiler.load.tensors import QuantizedTensor, Tensor
from flightllm_hw.compiler.load.tokenizer import TextStream, Tokenizer
from flightllm_hw.compiler.load.tokenizer_files import restore_tokenizer

__all__ = ["Checkpoint", "LoadError", "ModelConfig", "QuantizedTensor", "Tensor", "TextStream",
           "Tokenizer", "load", "restore_tokenizer"]
