# SPDX-License-Identifier: Apache-2.0
"""From text to tokens and back."""

import io
import json

import pytest
import sentencepiece
import tokenizers

from flightllm_hw.compiler.load import LoadError, load, restore_tokenizer
from flightllm_hw.compiler.load.merge import MergeTokenizer
from support.checkpoints import (
    MODELS,
    draw,
    needs_models,
    pack_tokens,
    texts,
    write_gguf,
    write_hf,
    write_v0,
)

TEXT = ["The little dog saw a big red ball in the park, and the ball was fun to play with. " * 3,
        "One day the little girl had 12 apples. She said: \"Let's go!\"\nThe end of the day."]
SAMPLES = ["", " ", "a", "  two  spaces ", "the little dog", "The end.\nOne day",
           "caf\u00e9 \u4f60", "\U0001f600!", "tab\tand\0nul", "<s> </s> <unk>", "1234",
           "\u2581under", *TEXT]


def greedy(pieces, scores, text):
    """run.c's loop, word for word: best pair first, the leftmost of equals."""
    tokens = []
    for character in " " + text if text else "":
        found = character.encode()
        tokens += [pieces.index(found)] if found in pieces else [
            pieces.index(b"<0x%02X>" % b) for b in found]
    while True:
        best, place, merged = -1e10, None, None
        for n in range(len(tokens) - 1):
            pair = pieces[tokens[n]] + pieces[tokens[n + 1]]
            if pair in pieces and scores[pieces.index(pair)] > best:
                merged = pieces.index(pair)
                best, place = scores[merged], n
        if place is None:
            return tokens
        tokens[place:place + 2] = [merged]


def vocabulary(rng, letters=b"abc ", extra=60):
    pieces = [b"<unk>", b"\n<s>\n", b"\n</s>\n", *(b"<0x%02X>" % n for n in range(256))]
    pieces += [bytes([letter]) for letter in letters]
    while len(pieces) < 259 + len(letters) + extra:
        piece = bytes(rng.choice(list(letters), rng.integers(2, 6)).tolist())
        if piece not in pieces:
            pieces.append(piece)
    # Few different scores, so that many pairs are equals.
    return pieces, [0.0] * 259 + [float(-s) for s in rng.integers(0, 9, len(pieces) - 259)]


def test_merges_are_those_of_the_greedy_loop(rng):
    for _ in range(20):
        pieces, scores = vocabulary(rng)
        tokenizer = MergeTokenizer(pieces, scores, 1, (2, 1))
        for _ in range(10):
            text = "".join(rng.choice(list("abc \u00e9"), rng.integers(0, 40)))
            tokens = tokenizer.encode(text, bos=False)
            assert tokens == greedy(pieces, scores, text)
            assert tokenizer.decode(tokens) == text


def test_beginning_and_end_are_no_text(rng):
    tokenizer = MergeTokenizer(*vocabulary(rng), 1, (2, 1))
    bare = tokenizer.encode("abc", bos=False)
    assert tokenizer.encode("abc") == [1, *bare]
    assert tokenizer.encode("abc", eos=True) == [1, *bare, 2]
    assert tokenizer.encode("") == [1] and tokenizer.encode("", bos=False) == []
    assert tokenizer.decode([1, *bare, 2]) == "abc" == tokenizer.decode([*bare, 10 ** 6, -1])
    assert tokenizer.encode("\udcff", bos=False) == tokenizer.encode("\ufffd", bos=False)
    silent = MergeTokenizer(tokenizer.pieces, tokenizer.scores, None, ())
    assert silent.encode("abc", eos=True) == bare


def byte_level():
    """A tokenizer of GPT-2's kind, trained on the text."""
    inner = tokenizers.ByteLevelBPETokenizer()
    inner.train_from_iterator(TEXT, vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"],
                              show_progress=False)
    model = json.loads(inner.to_str())["model"]
    return inner, model["vocab"], [" ".join(pair) if isinstance(pair, list) else pair
                                   for pair in model["merges"]]


def sentence_pieces():
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT), model_writer=file, vocab_size=320, model_type="bpe",
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        split_digits=True, minloglevel=9, hard_vocab_limit=False)
    return file.getvalue()


def exported(processor):
    """Pieces and scores as llama2.c's export writes them."""
    pieces, scores = [], []
    for n in range(processor.get_piece_size()):
        piece = processor.id_to_piece(n)
        piece = f"\n{piece}\n" if n in (1, 2) else piece.replace("\u2581", " ")
        pieces.append(piece.encode())
        scores.append(processor.get_score(n))
    return pieces, scores


def kinds_of(processor):
    return [2 if processor.is_unknown(n) else 3 if processor.is_control(n)
            else 6 if processor.is_byte(n) else 1 for n in range(processor.get_piece_size())]


def test_one_vocabulary_in_four_files_gives_the_same_tokens(rng, tmp_path):
    data = sentence_pieces()
    processor = sentencepiece.SentencePieceProcessor(model_proto=data)
    size = processor.get_piece_size()
    drawn = draw(rng, vocab=size)
    pieces, scores = exported(processor)

    (tmp_path / f"tok{size}.bin").write_bytes(pack_tokens(pieces, scores))
    (tmp_path / "other").write_bytes(data)
    folder = write_hf(tmp_path / "hf", drawn)
    (folder / "tokenizer.model").write_bytes(data)
    raw = [processor.id_to_piece(n).encode() for n in range(size)]
    found = [load(write_v0(tmp_path / "model.bin", drawn)),
             load(tmp_path / "model.bin", tmp_path / "other"), load(folder),
             load(write_gguf(tmp_path / "model.gguf", drawn, fill=lambda w: (
                 w.add_tokenizer_model("llama"), w.add_token_list(raw),
                 w.add_token_scores(scores), w.add_token_types(kinds_of(processor)))))]
    assert {c.tokenizer.kind for c in found} == {"llama2.c", "sentencepiece"}
    for text in SAMPLES:
        if "<s>" in text or "\u2581" in text or "\0" in text:
            # SentencePiece takes these for something else than text.
            continue
        for c in found:
            tokens = c.tokenizer.encode(text)
            assert tokens == [1, *processor.encode(text)], (text, c.format)
            assert c.tokenizer.decode(tokens) == text


def test_byte_level_tokenizers_of_three_files_give_the_same_tokens(rng, tmp_path):
    inner, vocab, merges = byte_level()
    drawn = draw(rng, vocab=len(vocab))
    one, two = write_hf(tmp_path / "one", drawn), write_hf(tmp_path / "two", drawn)
    (one / "tokenizer.json").write_text(inner.to_str())
    (two / "vocab.json").write_text(json.dumps(vocab))
    (two / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    listed = [piece.encode() for piece in sorted(vocab, key=vocab.get)]
    found = [load(one), load(two), load(write_gguf(tmp_path / "m.gguf", drawn, fill=lambda w: (
        w.add_tokenizer_model("gpt2"), w.add_tokenizer_pre("gpt-2"), w.add_token_list(listed),
        w.add_token_merges(merges), w.add_token_types([3, 3, 3] + [1] * (len(vocab) - 3)))))]
    for c in found:
        assert c.tokenizer.kind == "tokenizer.json" and c.tokenizer.size == len(vocab)
        for text in SAMPLES:
            tokens = c.tokenizer.encode(text)
            assert tokens == [1, *inner.encode(text, add_special_tokens=False).ids], text
            if "<" not in text:
                assert c.tokenizer.decode(tokens) == text


def test_llama_3_splits_digits_by_threes(rng, tmp_path):
    _, vocab, merges = byte_level()
    listed = [piece.encode() for piece in sorted(vocab, key=vocab.get)]

    def fill(writer):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("llama-bpe")
        writer.add_token_list([*listed, b"12", b"123", b"1234"])
        writer.add_token_merges([*merges, "1 2", "12 3", "123 4"])

    got = load(write_gguf(tmp_path / "m.gguf", draw(rng, vocab=len(vocab) + 3), fill=fill))
    tokens = got.tokenizer.encode("1234", bos=False)
    assert tokens == [len(vocab) + 1, vocab["4"]] and got.tokenizer.decode(tokens) == "1234"


def every_kind(rng):
    inner, _, _ = byte_level()
    yield MergeTokenizer(*vocabulary(rng), 1, (2, 1))
    yield restore_tokenizer("tokenizer.json", inner.to_str().encode(), 1, (2,))
    yield restore_tokenizer("sentencepiece", sentence_pieces(), 1, (2,))


def test_a_dump_is_the_whole_tokenizer(rng):
    for tokenizer in every_kind(rng):
        again = restore_tokenizer(tokenizer.kind, tokenizer.dump(), tokenizer.bos, tokenizer.eos)
        assert (again.size, again.bos, again.eos) == (tokenizer.size, tokenizer.bos, tokenizer.eos)
        for text in SAMPLES:
            assert again.encode(text) == tokenizer.encode(text)
            assert again.decode(range(again.size)) == tokenizer.decode(range(again.size))
    with pytest.raises(LoadError, match="no known kind of tokenizer: 'other'"):
        restore_tokenizer("other", b"", 1, ())


def test_a_stream_gives_whole_characters(rng):
    for tokenizer in every_kind(rng):
        for text in ("one \u00e9\u4f60\U0001f600, two", "\U0001f600", "end"):
            tokens = tokenizer.encode(text)
            stream = tokenizer.stream(tokens[:1])
            parts = [stream.push(token) for token in tokens[1:]]
            assert "".join(parts) == text and stream.finish() == ""
            assert "\ufffd" not in "".join(parts)
            rest = tokenizer.stream(tokens[:3])
            begun = tokenizer.decode(tokens[:3]).rstrip("\ufffd")
            assert begun + "".join(map(rest.push, tokens[3:])) == text
    cut = next(every_kind(rng))
    stream = cut.stream()
    # The space, and two of three bytes: the character is never whole.
    assert [stream.push(t) for t in cut.encode("\u4f60", bos=False)[:-1]] == ["", "", ""]
    assert stream.finish() == "\ufffd"


@needs_models
def test_llama_2_vocabulary_merges_as_sentencepiece_does(rng, tmp_path):
    processor = sentencepiece.SentencePieceProcessor(
        model_file=str(MODELS / "llama2_tokenizer.model"))
    pieces, scores = exported(processor)
    tokenizer = restore_tokenizer("llama2.c", pack_tokens(pieces, scores), 1, (2,))
    assert tokenizer.size == 32000
    for text in [*texts(40), "na\u00efve \u4f60\u597d \U0001f600 \u0644\u0627"]:
        # The model's normalizer squeezes spaces; llama2.c has none.
        text = " ".join(text.replace("\n", " ").split())
        tokens = tokenizer.encode(text)
        assert tokens == [1, *processor.encode(text)]
        assert tokenizer.decode(tokens) == text
