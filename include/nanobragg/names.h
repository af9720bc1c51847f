/* Names that carry the instruction set, NB_ISA: nb_single_v3, "v3". */
#ifndef NANOBRAGG_NAMES_H
#define NANOBRAGG_NAMES_H

#define NB_PASTE_(a, b) a##b
#define NB_PASTE(a, b) NB_PASTE_(a, b)
#define NB_TEXT_(a) #a
#define NB_TEXT(a) NB_TEXT_(a)
#define NB_OF_ISA(name) NB_PASTE(name, NB_ISA)

#endif
