; A decoder layer of a small Llama for one token, by hand, for the preset `tiny`.
;
; 2 lanes, W = 4, dim 32, 2 heads of 16 (a lane each), hidden 48, up to 40 positions.
; r1: position. Host memory (beats of 8 bytes): x at 0x2000, the result at 0x2020, norm weights at
; 0x2040, steps at 0x2060, scales of values at 0x2080 (64 words a head). Lane memory: matrices from
; 0 on, keys from beat 0x800 on, values from 0x900 on.
;
; Vector buffer: x 0..7, normed 8..15, q k v of a head 16..27 and 28..39, turned q 40..47 and
; k 48..55, table 56..59, scores 64..95, scales of values 96..127, attention 128..135, after it
; 136..143, gate and up of a lane 144..155 and 156..167, gated 168..179, projected 180..187,
; norm weights 192..207.

SYS.ADD d=2 x=1 y=r1                     ; r2: length
SYS.SHR d=3 x=r1 y=2                     ; r3: row block of the key
SYS.AND d=4 x=r1 y=3                     ; r4: its row there
SYS.MUL d=5 x=11 y=r3                    ; r5: beats of the row blocks before
SYS.AND d=6 x=r1 y=1                     ; r6: word of its scale
SYS.SHL d=6 x=r6 y=1
SYS.SHR d=7 x=r4 y=1
SYS.ADD d=6 x=r6 y=r7
SYS.MUL d=7 x=22 y=r3
SYS.ADD d=6 x=r6 y=r7
SYS.SHR d=9 x=r1 y=3                     ; r9: tile of the value
SYS.SHL d=8 x=r9 y=2                     ; r8: beats of the tiles before
SYS.AND d=7 x=r1 y=7                     ; r7: column of the value

; What the lanes will read: matrices, and between them keys and values once they are appended.
LD.TAPE address=0 beats={qkv_beats} lanes=3
LD.TAPE address=0x800 beats=11+r5 lanes=3 fence=1
LD.TAPE address=0x900 beats=7+r8 lanes=3 fence=1
LD.TAPE address=0x917 beats=7+r8 lanes=3
LD.TAPE address=0x92e beats=7+r8 lanes=3
LD.TAPE address=0x945 beats=7+r8 lanes=3
LD.TAPE address={rest} beats={rest_beats} lanes=3

LD.VECTOR address=0x2000 o=0 rows=8
LD.VECTOR address=0x2040 o=192 rows=16
LD.STEPS release(VECTOR) address=0x2060 pairs=8
MISC.TABLE wait(MEMORY) position=r1 o=56 pairs=8

; Norm, and the greatest magnitude with it; codes to all lanes.
MISC.PASS a=0 a_step=8 rows=8 limit=32 function=IDENTITY last=ITSELF reduce=SUM reduce_tap=PRODUCT step=ROOT k1=0.03125 k2=1e-5 d=0 order=DRAIN
MISC.PASS a=0 b=192 o=8 rows=8 limit=32 first=SCALAR s=0 function=IDENTITY last=B output=BUFFER output_tap=PRODUCT reduce=ABSMAX reduce_tap=PRODUCT step=OVER k1=127.0 d=1 order=CHAIN
MISC.PASS release(LANES) a=8 rows=8 limit=32 function=IDENTITY output=CODES output_tap=PRODUCT z=1 scales=Z word=0 order=CHAIN
MV wait(VECTOR) release(VECTOR) {qkv} tokens=1 word=0 o=16 lane_rows=48

; Queries and keys are turned; the three are quantized head by head.
MISC.PASS wait(LANES) a=16 a_step=12 b=56 o=40 o_step=4 segments=2 rows=4 limit=16 arrange=PAIRS function=IDENTITY output=BUFFER output_tap=PRODUCT reduce=ABSMAX reduce_tap=PRODUCT step=OVER k1=127.0 d=2 d_step=1 order=DRAIN
MISC.PASS a=20 a_step=12 b=56 o=48 o_step=4 segments=2 rows=4 limit=16 arrange=PAIRS function=IDENTITY output=BUFFER output_tap=PRODUCT reduce=ABSMAX reduce_tap=PRODUCT step=OVER k1=127.0 d=4 d_step=1 order=CHAIN
MISC.PASS a=24 a_step=12 segments=2 rows=4 limit=16 function=IDENTITY reduce=ABSMAX reduce_tap=PRODUCT step=OVER k1=127.0 d=6 d_step=1 order=CHAIN
MISC.PASS a=48 a_step=4 segments=2 rows=4 limit=16 function=IDENTITY output=CODES output_tap=PRODUCT z=4 z_step=1 target=KEYS spread=1 address=0x803+r5 high=16 low=4 place=r4 scale_address=0x1000+r6 order=DRAIN
MISC.PASS release(MEMORY) a=24 a_step=12 segments=2 rows=4 limit=16 function=IDENTITY output=CODES output_tap=PRODUCT z=6 z_step=1 target=VALUES spread=1 address=0x903+r8 high=23 low=0 place=r7 order=CHAIN
MISC.PASS release(LANES) a=40 a_step=4 segments=2 rows=4 limit=16 function=IDENTITY output=CODES output_tap=PRODUCT z=2 z_step=1 scales=Z spread=1 word=4 order=CHAIN

; Scores of all positions; meanwhile the values' scales make a row of the history.
MV wait(VECTOR) release(VECTOR) pattern=DENSE bits=8 row_blocks=1+r3 group_tiles=16 groups=1 last_tiles=2 tokens=1 word=4 o=64 lane_rows=64 limit=1+r1 maxima=1 d=8
ST.SCALARS wait(VECTOR) address=0x4100+r1 step=64 d=6 count=2
LD.VECTOR release(VECTOR) address=0x2080 o=96 rows=32
MISC.PASS wait(MEMORY, LANES) a=96 a_step=16 segments=2 rows=1+r3 limit=1+r1 function=IDENTITY reduce=ABSMAX reduce_tap=PRODUCT step=OVER k1=127.0 d=10 d_step=1 order=DRAIN
MISC.PASS release(LANES) a=64 a_step=16 b=96 b_step=16 segments=2 rows=1+r3 limit=1+r1 addend=MINUS_SCALAR s=8 s_step=1 function=EXP last=B output=CODES output_tap=PRODUCT z=10 z_step=1 reduce=SUM reduce_tap=FUNCTION step=UNDER d=12 d_step=1 scales=REDUCTION spread=1 word=8 order=DRAIN
MV wait(VECTOR) release(VECTOR) pattern=DENSE bits=8 row_blocks=4 group_tiles=16 groups=1 last_tiles=1+r9 tokens=1 word=8 o=128 lane_rows=16

; Output projection and the residual.
MISC.PASS wait(LANES) a=128 rows=8 limit=32 function=IDENTITY reduce=ABSMAX reduce_tap=PRODUCT step=OVER k1=127.0 d=1 order=DRAIN
MISC.PASS release(LANES) a=128 rows=8 limit=32 function=IDENTITY output=CODES output_tap=PRODUCT z=1 scales=Z word=12 order=CHAIN
MV wait(VECTOR) release(VECTOR) {out} tokens=1 word=12 o=180 lane_rows=16
MISC.PASS wait(LANES) a=0 b=180 o=136 rows=8 limit=32 addend=B function=IDENTITY output=BUFFER output_tap=FUNCTION last=ITSELF reduce=SUM reduce_tap=PRODUCT step=ROOT k1=0.03125 k2=1e-5 d=0 order=DRAIN

; Feed forward.
MISC.PASS a=136 b=200 o=8 rows=8 limit=32 first=SCALAR s=0 function=IDENTITY last=B output=BUFFER output_tap=PRODUCT reduce=ABSMAX reduce_tap=PRODUCT step=OVER k1=127.0 d=1 order=CHAIN
MISC.PASS release(LANES) a=8 rows=8 limit=32 function=IDENTITY output=CODES output_tap=PRODUCT z=1 scales=Z word=16 order=CHAIN
MV wait(VECTOR) release(VECTOR) {up} tokens=1 word=16 o=144 lane_rows=48
MISC.PASS wait(LANES) a=144 a_step=12 b=150 b_step=12 o=168 o_step=6 segments=2 rows=6 limit=24 function=SILU last=B output=BUFFER output_tap=PRODUCT order=DRAIN
MISC.PASS a=168 rows=12 limit=48 function=IDENTITY reduce=ABSMAX reduce_tap=PRODUCT step=OVER k1=127.0 d=1 order=CHAIN
MISC.PASS release(LANES) a=168 rows=12 limit=48 function=IDENTITY output=CODES output_tap=PRODUCT z=1 scales=Z word=20 order=CHAIN
MV wait(VECTOR) release(VECTOR) {down} tokens=1 word=20 o=180 lane_rows=16
MISC.PASS wait(LANES) release(MEMORY) a=136 b=180 o=0 rows=8 limit=32 addend=B function=IDENTITY output=BUFFER output_tap=PRODUCT order=DRAIN
ST.VECTOR wait(VECTOR) address=0x2020 a=0 rows=8
SYS.END
