"""vit_fashion: a timm VisionTransformer for 28x28 garments, 8 blocks of width 128 over 16 tokens of a convolutional stem."""

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from labkit.models.normalize import Normalize
from labkit.models.recipe import Recipe
from labkit.training import decay_matrices_only, flip_and_shift


class ConvStem(nn.Sequential):
    """Convolutional stem from 28x28 images to 4x4 tokens [N, 16, embed_dim], with the interface of timm's PatchEmbed.

    Parameters
    ----------
    in_chans : int
        Input channels.
    embed_dim : int
        Width of the tokens.
    **_unused
        Other arguments of PatchEmbed.

    References
    ----------
    Xiao et al., Early Convolutions Help Transformers See Better, NeurIPS 2021.
    """

    num_patches = 16

    def __init__(self, *, in_chans: int = 1, embed_dim: int = 128, **_unused: object) -> None:
        super().__init__(
            Normalize([0.2860] * in_chans, [0.3530] * in_chans),
            nn.Conv2d(in_chans, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, embed_dim, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(embed_dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).flatten(2).transpose(1, 2)


def build() -> nn.Module:
    """Build an average-pooled ViT without class token, 1.68 M parameters.

    Returns
    -------
    nn.Module
        Takes float32 images [N, 1, 28, 28] in [0, 1]; outputs logits [N, 10].
    """
    model = VisionTransformer(
        img_size=28,
        patch_size=7,
        in_chans=1,
        num_classes=10,
        embed_dim=128,
        depth=8,
        num_heads=4,
        class_token=False,
        global_pool="avg",
        weight_init="jax",
        embed_layer=ConvStem,
    )
    for block in model.blocks:
        block.attn.fused_attn = False  # 20 % faster than fused attention for 16 tokens on a CPU
    return model


RECIPE = Recipe(
    name="vit_fashion",
    title="Vision transformer, 8 x 128, 16 tokens",
    data="fashion_mnist",
    shape=(1, 28, 28),
    build=build,
    epochs=14,
    batch_size=64,
    optimizer=lambda model: torch.optim.AdamW(decay_matrices_only(model, 0.05), lr=1e-3),
    min_test_accuracy=0.91,
    warmup=0.15,
    augment=flip_and_shift(2),
    plain_epochs=3,
    clip_norm=1.0,
)
