"""score.py: alerts of a clip against what happens in it."""

EARLY_S, LATE_S = 1.0, 2.0  # an alert belongs to an arrival that is so near


class Score:
    def __init__(self):
        self.arrivals = self.found = self.right = self.twice = self.false = 0

    def add(self, other):
        for k in vars(self):
            setattr(self, k, getattr(self, k) + getattr(other, k))

    def precision(self):
        alerts = self.right + self.twice + self.false
        return self.right / alerts if alerts else 1.0

    def recall(self):
        return self.found / self.arrivals if self.arrivals else 1.0


def score(arrivals, alerts):
    """alerts: (label's group or None for a peer that tells no labels, second). Of one arrival of n objects the first n
    alerts are right, further ones come twice; what belongs to no arrival is false."""
    s = Score()
    left = list(alerts)
    for label, begin, end, count in arrivals:
        mine = [a for a in left if a[0] in (label, None) and begin - EARLY_S <= a[1] <= end + LATE_S]
        left = [a for a in left if a not in mine]
        s.arrivals += count
        s.found += min(count, len(mine))
        s.right += min(count, len(mine))
        s.twice += max(0, len(mine) - count)
    s.false = len(left)
    return s
