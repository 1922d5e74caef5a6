"""The VM sizes that `az ml compute list-sizes` shows. Locally a size changes nothing: steps run on this machine.

Source: learn.microsoft.com/azure/virtual-machines/sizes (series pages).
"""

from __future__ import annotations

import re

from .store import Document

# name: (family, vCPUs, memory in GB, GPUs, temporary disk in MB)
_SIZES: dict[str, tuple[str, int, float, int, int]] = {
    "Standard_DS1_v2": ("standardDSv2Family", 1, 3.5, 0, 7168),
    "Standard_DS2_v2": ("standardDSv2Family", 2, 7, 0, 14336),
    "Standard_DS3_v2": ("standardDSv2Family", 4, 14, 0, 28672),
    "Standard_DS4_v2": ("standardDSv2Family", 8, 28, 0, 57344),
    "Standard_DS5_v2": ("standardDSv2Family", 16, 56, 0, 114688),
    "Standard_DS11_v2": ("standardDSv2Family", 2, 14, 0, 28672),
    "Standard_DS12_v2": ("standardDSv2Family", 4, 28, 0, 57344),
    "Standard_DS13_v2": ("standardDSv2Family", 8, 56, 0, 114688),
    "Standard_D2_v2": ("standardDv2Family", 2, 7, 0, 102400),
    "Standard_D3_v2": ("standardDv2Family", 4, 14, 0, 204800),
    "Standard_D2s_v3": ("standardDSv3Family", 2, 8, 0, 16384),
    "Standard_D4s_v3": ("standardDSv3Family", 4, 16, 0, 32768),
    "Standard_D8s_v3": ("standardDSv3Family", 8, 32, 0, 65536),
    "Standard_D2ds_v4": ("standardDDSv4Family", 2, 8, 0, 76800),
    "Standard_D4ds_v4": ("standardDDSv4Family", 4, 16, 0, 153600),
    "Standard_E2s_v3": ("standardESv3Family", 2, 16, 0, 32768),
    "Standard_E4s_v3": ("standardESv3Family", 4, 32, 0, 65536),
    "Standard_E4ds_v4": ("standardEDSv4Family", 4, 32, 0, 153600),
    "Standard_F2s_v2": ("standardFSv2Family", 2, 4, 0, 16384),
    "Standard_F4s_v2": ("standardFSv2Family", 4, 8, 0, 32768),
    "Standard_F8s_v2": ("standardFSv2Family", 8, 16, 0, 65536),
    "Standard_NC4as_T4_v3": ("Standard NCASv3_T4 Family", 4, 28, 1, 180224),
    "Standard_NC6s_v3": ("standardNCSv3Family", 6, 112, 1, 344064),
    "Standard_NC24ads_A100_v4": ("StandardNCADSA100v4Family", 24, 220, 1, 65536),
}

_SHAPE = re.compile(r"(?:Standard|Basic)_[A-Z]+\d+[A-Za-z0-9-]*(?:_[A-Za-z0-9]+)*", re.IGNORECASE)


def looks_like_one(name: str) -> bool:
    """Whether a name has the form of a VM size: there are hundreds more than the list has."""
    return _SHAPE.fullmatch(name) is not None


def family_and_cores(name: str) -> tuple[str, int]:
    """A size's family and vCPUs; for one that the list lacks, the size itself and 4."""
    known = {size.lower(): facts for size, facts in _SIZES.items()}.get(name.lower())
    return (known[0], known[1]) if known else (name, 4)


def documents() -> list[Document]:
    """The sizes as `VirtualMachineSize` has them."""
    return [
        {
            "name": name,
            "family": family,
            "vCPUs": cores,
            "memoryGB": memory,
            "gpus": gpus,
            "maxResourceVolumeMB": disk,
            "osVhdSizeMB": 1047552,
            "lowPriorityCapable": True,
            "premiumIO": "s" in name.partition("_")[2].lower(),
            "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
        }
        for name, (family, cores, memory, gpus, disk) in _SIZES.items()
    ]
