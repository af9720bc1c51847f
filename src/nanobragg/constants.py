"""Physical constants, and the C program's factor between radians and degrees."""

AVOGADRO = 6.02214179e23  # 1/mol
FWHM = 2.3548200450309493  # of a normal distribution, in standard deviations
EV_ANGSTROM = 12398.42  # energy (eV) times wavelength (Å) of a photon
R_E_SQR = 7.94079248018965e-30  # m², classical electron radius squared
RADIAN_IN_DEGREES = 180.0 * 0.31830988618379067154  # the C program's constant; step counts from ceil depend on it
