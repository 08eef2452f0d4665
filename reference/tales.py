"""Tell short animal tales from a small grammar: English simple enough for a model of 0.8 M parameters to learn.

What a tale says later follows from what it said first (who the hero is, he or she, where a fox lives, what a hen
eats), so a model must look far back to go on well, and a fault in its attention or positions shows in the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

T = TypeVar("T")

NAMES = {
    "Anna": "she", "Ben": "he", "Clara": "she", "Dan": "he", "Elsie": "she", "Felix": "he", "Greta": "she",
    "Hugo": "he", "Ivy": "she", "Jack": "he", "Kitty": "she", "Leo": "he", "Molly": "she", "Ned": "he", "Olive": "she",
    "Peter": "he", "Rosa": "she", "Sam": "he", "Tilly": "she", "Victor": "he",
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What is true of every animal of one kind."""

    name: str
    home: str
    food: str
    nature: str


KINDS = (
    Kind("fox", "in a den under the old oak", "red berries", "clever"),
    Kind("hen", "in a warm barn behind the mill", "yellow corn", "busy"),
    Kind("duck", "among the reeds beside the pond", "green weeds", "cheerful"),
    Kind("mouse", "in a hole behind the kitchen wall", "a piece of cheese", "tiny"),
    Kind("bear", "in a dark cave on the mountain", "sweet honey", "sleepy"),
    Kind("rabbit", "in a burrow at the edge of the field", "fresh clover", "quick"),
    Kind("frog", "on a flat stone in the brook", "a fat fly", "noisy"),
    Kind("cat", "in the house with the blue door", "a bowl of milk", "proud"),
    Kind("dog", "in a yard at the end of the lane", "a good bone", "loyal"),
    Kind("goat", "high up where the rocks are bare", "dry grass", "stubborn"),
    Kind("squirrel", "in a nest at the top of a pine", "brown nuts", "nimble"),
    Kind("donkey", "in a stable near the market", "a basket of carrots", "patient"),
)

OPENINGS = (
    "Once there was a {nature} {kind} called {hero}, who lived {home}.",
    "{hero} was a {nature} {kind} who lived {home}.",
    "A {nature} {kind} named {hero} lived {home}.",
    "Long ago, {home}, there lived a {nature} {kind} whose name was {hero}.",
)
DEPARTURES = (
    "One morning {he} woke up hungry and went out to look for {food}.",
    "One cold day there was nothing left to eat, so {he} set out to find {food}.",
    "More than anything else {he} loved {food}, but the winter had been long and there was none at home.",
    "Every evening {he} dreamed of {food}, and one night {he} could wait no longer.",
    "When the summer came, {he} packed a small bag and went to gather {food}.",
)
MEETINGS = (
    "On the way {he} met a {nature2} {kind2} called {friend}.",
    "At the bridge {he} saw {friend} the {kind2}, who was sitting in the sun.",
    "Halfway there {he} heard somebody crying, and it was {friend}, a {nature2} {kind2}.",
    "Soon {he} came upon a {kind2} by the name of {friend}, who had lost the way.",
)
TALKS = (
    '"Where are you going, {hero}?" asked {friend}. "I am looking for {food}," said {hero}.',
    '"Good day, {hero}," said {friend}. "Will you help me to find {food2}?" "Gladly," said {hero}.',
    '"Please stay with me," said {friend}, "for I am all alone." So {hero} sat down beside the {kind2}.',
    '"I know where to find {food}," said {friend}. "Then show me the way," cried {hero}.',
    '"What is in your bag?" asked {friend}. "Nothing yet," said {hero}, "but tonight it will be full."',
)
TROUBLES = (
    "Then the rain began to fall, and the path was soon full of water.",
    "All at once a strong wind blew through the trees and carried their hats away.",
    "They had not gone far when the night came down, and neither of them had a lamp.",
    "But the river was wide, and the {kind2} was afraid of the water.",
    "In the middle of the wood they found a gate, and the gate was locked.",
)
ANSWERS = (
    '"Do not be afraid," said {hero}, and took {friend} by the hand.',
    "The {kind} thought for a while, and then {he} had a good idea.",
    "{friend} wanted to turn back, but {hero} would not hear of it.",
    "Only the {nature} {kind} stayed calm and began to sing a little song.",
    "{hero} laughed and said that a {kind} knows what to do.",
)
OUTCOMES = (
    "Together they built a raft of branches, and before long they were safe on the other side.",
    "They waited under a big leaf until the sky was clear again, and then they walked on.",
    "An old owl heard them and led them through the dark to a house with a light in the window.",
    "Behind a hedge they found a hidden road, and it took them straight to {food}.",
    "With all their strength they pushed, and in the end the way was open.",
)
ENDINGS = (
    "That night they shared {food} and {food2}, and nobody was hungry.",
    "From that day on {hero} and {friend} were the best of friends.",
    "When {he} came home at last, {hero} told the story to everybody who would listen.",
    "And if you ever meet a {kind} and a {kind2} on the road, you will know who they are.",
    "So the {kind} learned that a friend is worth more than {food}.",
)


class Teller:
    """Draw tales, one after the other, from a seed. Only Random.random() is used: it never changes between Pythons."""

    def __init__(self, seed: int):
        self.random = Random(seed).random

    def tales(self) -> Iterator[str]:
        """Give tales without end."""
        while True:
            yield self.tale()

    def tale(self) -> str:
        hero, friend = self.two(tuple(NAMES))
        kind, kind2 = self.two(KINDS)
        facts = {
            "hero": hero, "he": NAMES[hero], "friend": friend,
            "kind": kind.name, "home": kind.home, "food": kind.food, "nature": kind.nature,
            "kind2": kind2.name, "food2": kind2.food, "nature2": kind2.nature,
        }  # fmt: skip
        # What happens leans on who it happens to, so that the likeliest tale is another one for each animal.
        lean, lean2 = KINDS.index(kind), KINDS.index(kind2)
        lines = (
            OPENINGS[int(self.random() * len(OPENINGS))],
            self.leaning(DEPARTURES, lean),
            self.leaning(MEETINGS, lean),
            self.leaning(TALKS, lean2),
            self.leaning(TROUBLES, lean + lean2),
            self.leaning(ANSWERS, lean),
            self.leaning(OUTCOMES, lean2),
            self.leaning(ENDINGS, lean + lean2),
        )
        return " ".join(line.format(**facts) for line in lines)

    def two(self, options: Sequence[T]) -> tuple[T, T]:
        """Draw two different options."""
        first = int(self.random() * len(options))
        second = (first + 1 + int(self.random() * (len(options) - 1))) % len(options)
        return options[first], options[second]

    def leaning(self, options: Sequence[str], lean: int) -> str:
        """Draw one option; option `lean` (modulo their number) is the likeliest, the ones after it less and less so."""
        step = int(len(options) * self.random() ** 2)
        return options[(lean + step) % len(options)]


def corpus(seed: int = 1, characters: int = 320_000) -> str:
    """Give whole tales, one a line, until there are at least so many characters."""
    told, size = [], 0
    for tale in Teller(seed).tales():
        told.append(tale + "\n")
        size += len(told[-1])
        if size >= characters:
            break
    return "".join(told)
