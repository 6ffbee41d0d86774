"""A module that nothing has loaded when the first call to it, with one of its own objects, arrives."""

from dataclasses import dataclass


@dataclass
class Parcel:
    weight: int


def weigh(parcel):
    return parcel.weight


class Scales:
    def __init__(self, parcel):
        self.parcel = parcel

    def read(self):
        return self.parcel.weight
