r"""
Which stroke is wrong?
======================

Somebody marks a person and what is behind, and slips once. The answer is wrong there, but which of the strokes is to
blame? Set free the seeds :math:`g` of one stroke, and they obey the equations of their own nodes. With the Schur
complement :math:`S` of the factor that gave the answer, what all other strokes say about them is known exactly,

.. math:: Z'_g = y_g + S^{-1} (a - A Z)_g, \qquad S = A_{gg} - W_{gU} A_{UU}^{-1} W_{Ug},

with no new factorisation. That one stroke surprises the others does not make it wrong, for it may be the first in its
part of the image. But a wrong one makes right ones nearby look wrong, too. So the stroke is blamed without which all
others predict each other best, by the leave-one-out likelihood of Besag (1975).
"""

import numpy as np
from matplotlib import pyplot as plt
from skimage import data

import graphrw as rw

# %%
# Eleven short strokes: five on the astronaut, five behind her, and one that says "behind" on her suit.

image = data.astronaut()
person, behind = 1, 2
strokes = [(person, 130, 220), (person, 330, 120), (person, 290, 290), (person, 450, 80), (person, 440, 270)]
strokes += [(behind, 60, 60), (behind, 40, 440), (behind, 220, 460), (behind, 200, 70), (behind, 60, 330)]
strokes += [(behind, 320, 180)]
session = rw.Session(image, channel_axis=-1)
for label, row, column in strokes:
    rows, columns = np.mgrid[row - 6 : row + 7, column - 6 : column + 7]
    session.paint(label, (rows.ravel(), columns.ravel()))
before = session.labels

# %%
# Strokes are numbered as they were made. The first suspect is asked what it changes, and erased.

suspects = session.suspects(len(strokes))
print("suspected, the worst first:", suspects.tolist())
wrong = session.influence(int(suspects[0]))
print(f"the others give its label a probability of {wrong.agreement:.2f} where it lies")
session.erase(wrong.where)
after = session.labels
print(f"without it {np.mean(before != after):.1%} of the pixels get another label")

# %%
# From left to right: all strokes with the answer to them, what the suspect changes, and the answer without it.

figure, panels = plt.subplots(1, 3, figsize=(12, 4.2))
panels[0].imshow(rw.segmentation.overlay(image, before, channel_axis=-1))
panels[1].imshow(wrong.change, cmap="magma", vmin=0, vmax=1)
panels[2].imshow(rw.segmentation.overlay(image, after, channel_axis=-1))
for number, (label, row, column) in enumerate(strokes):
    colour = "tab:orange" if label == person else "tab:blue"
    for panel in panels[[0, 2]] if number != suspects[0] else panels[:1]:
        panel.plot(column, row, "o", color=colour, markeredgecolor="white", markersize=8)
for panel in panels[:2]:
    row, column = np.argwhere(wrong.where).mean(0)
    panel.plot(column, row, "o", color="none", markeredgecolor="red", markersize=16, markeredgewidth=2)
for panel, title in zip(panels, ["the first suspect, circled", "what it changes", "without it"]):
    panel.set_title(title)
    panel.axis("off")
figure.tight_layout()
plt.show()
