"""The 40 attributes of CelebA, and the ResNet-50 that scores them: names and shapes, no torch.

The layout is that of torchvision's ResNet-50 with a head of 80 columns in place of 1000: columns
2k and 2k + 1 are the two logits of attribute k.

Sources: Liu et al., Deep Learning Face Attributes in the Wild (ICCV 2015), list_attr_celeba.txt;
He et al., Deep Residual Learning (CVPR 2016), table 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

#: In CelebA's order, which is that of the columns.
ATTRIBUTES: tuple[str, ...] = (
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs"),
    *("Big_Lips", "Big_Nose", "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair"),
    *("Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses", "Goatee", "Gray_Hair"),
    *("Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache"),
    *("Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline"),
    *("Rosy_Cheeks", "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings"),
    *("Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young"),
)
LOGITS = 2  # of each attribute: absent and present
WIDTH = 64  # channels of the first stage
BLOCKS = (3, 4, 6, 3)  # of each stage
EXPANSION = 4  # of a block's channels, from its inner layers to its output

#: A counter of training steps that old files lack and nobody reads.
COUNTER = "num_batches_tracked"


def layout(
    *, width: int = WIDTH, outputs: int = LOGITS * len(ATTRIBUTES)
) -> Mapping[str, tuple[int, ...]]:
    """Name and shape of every tensor of the network, without the counters of its norms."""
    return dict(_tensors(width, outputs))


def _tensors(width: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "conv1.weight", (width, 3, 7, 7)
    yield from _norm("bn1", width)
    channels = width
    for stage, count in enumerate(BLOCKS):
        inner = width * 2**stage
        for block in range(count):
            prefix = f"layer{stage + 1}.{block}"
            sizes = ((inner, channels, 1), (inner, inner, 3), (inner * EXPANSION, inner, 1))
            for number, (to, of, side) in enumerate(sizes, start=1):
                yield f"{prefix}.conv{number}.weight", (to, of, side, side)
                yield from _norm(f"{prefix}.bn{number}", to)
            if block == 0:
                yield f"{prefix}.downsample.0.weight", (inner * EXPANSION, channels, 1, 1)
                yield from _norm(f"{prefix}.downsample.1", inner * EXPANSION)
            channels = inner * EXPANSION
    yield "fc.weight", (outputs, channels)
    yield "fc.bias", (outputs,)


def _norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for tensor in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{tensor}", (channels,)
