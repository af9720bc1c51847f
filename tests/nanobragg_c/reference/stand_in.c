/* Stands in for the original program: the names and signatures that nanobragg.reference expects, values of our own.
 * As a library and as a program; built with one of CRASHES, HANGS, EXITS, SILENT or LACKS for the ways to fail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

double sincg(double x, double n) { return x + 10 * n; }
double sinc3(double x) { return 2 * x; }
float gammln(float x) { return x / 2; }
double unitize(double *v, double *u) { v[0] = 7; for (int i = 1; i < 4; ++i) u[i] = v[i] / 2; return v[0]; }
double polarization_factor(double k, double *in, double *out, double *axis)
{
    in[1] += 0.5; /* it may change its arguments */
    return k + in[1] + 10 * out[2] + 100 * axis[3];
}
double *rotate(double *v, double *r, double x, double y, double z)
{
    r[1] = v[1] + x; r[2] = v[2] + y; r[3] = v[3] + z; return r;
}
double *rotate_axis(double *v, double *r, double *axis, double phi)
{
    for (int i = 1; i < 4; ++i) r[i] = v[i] + phi * axis[i];
    return r;
}
float ran1(long *state) { return (float)++*state; }
double *mosaic_rotation_umat(float spread, double u[9], long *state)
{
    ran1(state);
    for (int i = 0; i < 9; ++i) u[i] = spread * (double)*state + i;
    return u;
}
#ifndef LACKS
double *umat2misset(double u[9], double *m) { m[1] = u[0]; m[2] = u[4]; m[3] = u[8]; return m; }
#endif
float gaussdev(long *state) { static int spare; (void)state; spare = !spare; return (float)spare; }
float poidev(float mean, long *state) { return mean > 1e6f ? mean + 128 * gaussdev(state) : mean + ran1(state); }
void polint(double *x, double *y, double at, double *out) { *out = x[0] + 10 * y[1] + 100 * at; }
void polin3(double *x, double *y, double *z, double ***f, double a, double b, double c, double *out)
{
    *out = x[0] + y[1] + z[2] + f[1][2][3] + a + 2 * b + 3 * c;
}

static FILE *started(const char *name, const char *header, int bytes)
{
    FILE *file = fopen(name, "wb");
    if (file == NULL) exit(9);
    fprintf(file, "%-*s", bytes, header);
    return file;
}

int main(int argc, char **argv)
{
    const char *smv = "{\nHEADER_BYTES=512;\nBYTE_ORDER=little_endian;\nSIZE1=3;\nSIZE2=2;\nDISTANCE=100;\n}\f";
    for (int i = 1; i < argc; ++i) printf("argument %s\n", argv[i]);
    printf("threads %s\n", getenv("OMP_NUM_THREADS"));
    printf("  distance=0.1 detsize=1x1\n  DIRECTION_OF_DETECTOR_X-AXIS= 0 0 1\n  Unit Cell: 1 2 3 90 90 90\n");
    for (int i = 1; i + 2 < argc; ++i)
        if (strcmp(argv[i], "-printout_pixel") == 0)
            printf("TRACE_C: hkl_frac 1 -2.5 3e-1\n%4d %4d : stol = 5 or 6\nat 0.1 0.2 -0.3\n"
                   "hkl= 1.5 2.5 -3.5  hkl0= 1 2 -3\n F_cell=7  F_latt=-8   I = 9\nI/steps  10\npolar  0.5\n"
                   "omega  1e-6\ncapfrac  1\npixel  11.5\nX: 1 2 3\nY: 4 5 6\nZ: 7 8 9\n",
                   atoi(argv[i + 1]), atoi(argv[i + 2]));
#if defined(CRASHES)
    *(volatile int *)(size_t)(argc > 1000) = 1; /* address 0 */
#elif defined(HANGS)
    for (;;) sleep(1);
#elif defined(EXITS)
    printf("ERROR: no such thing\none\ntwo\nthree\n");
    exit(3);
#elif !defined(SILENT)
    float photons[6];
    unsigned short counts[6];
    for (int i = 0; i < 6; ++i) { photons[i] = i + 0.5f; counts[i] = 1000 + i; }
    FILE *file = started("floatimage.bin", "", 0);
    fwrite(photons, sizeof *photons, 6, file);
    fclose(file);
    for (int noise = 0; noise < 2; ++noise) {
        file = started(noise ? "noiseimage.img" : "intimage.img", smv, 512);
        fwrite(counts, sizeof *counts, 6, file);
        fclose(file);
    }
    file = started("image.pgm", "P5\n3 2\n# pixels scaled by 2\n255\nabcdef", 0);
    fclose(file);
#endif
    exit(0);
}
